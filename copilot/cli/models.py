"""``copilot models``: which checkpoints of the duplex engine are on this disk, and are whole."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.markup import escape
from rich.padding import Padding
from rich.table import Column, Table

from copilot.cli.common import Bars, console
from copilot.config import Settings
from copilot.engine.checkpoints import CHECKPOINTS, Checkpoint, State, inspect, known
from copilot.errors import UserError

if TYPE_CHECKING:
    from copilot.engine.verify import Checked

MODELS = click.option(
    "--models",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with one folder a model, instead of models in the data folder.",
)


@click.group()
def models() -> None:
    """Checkpoints of the duplex engine: list, fetch, verify, and what fits a GPU.

    A model is a folder of files under the data folder, or under --models. Files that were copied
    there by hand are as good as fetched ones, and only `fetch` needs a network.
    """


@models.command("list")
@MODELS
@click.pass_obj
def list_models(settings: Settings, models: Path | None) -> None:
    """Every public checkpoint that the engine can load, and what of it is here."""
    root = _root(settings, models)
    looked = {one: inspect(one, root / name) for name, one in CHECKPOINTS.items()}
    console.print(_overview(looked))
    lacking = {one: states for one, states in looked.items() if any(map(_fault, states))}
    if lacking:
        where = f"To bring what is missing to {escape(str(root))}:"
        console.print(where, highlight=False, soft_wrap=True)
    for checkpoint, states in lacking.items():
        command = escape(_command(checkpoint, models))
        console.print(f"  {command}", highlight=False, soft_wrap=True)
        if any(state.bytes for state in states):
            for state in filter(_fault, states):
                told = f"[dim]{escape(state.file.name)}:[/] [yellow]{escape(state.fault)}[/]"
                console.print(Padding(told, (0, 0, 0, 4), expand=False), highlight=False)
        licence = f"{checkpoint.licence}: {checkpoint.page}"
        if checkpoint.gated:
            licence += ", to be accepted there first; then set HF_TOKEN"
        console.print(f"    [dim]{escape(licence)}[/]", highlight=False, soft_wrap=True)


@models.command("fit")
@click.option("--lm", default="personaplex-7b-v1", show_default=True, help="Duplex model.")
@click.option("--stt", default="stt-1b-en_fr-candle", show_default=True, help="Recogniser.")
@click.option(
    "--memory", type=click.FloatRange(1), help="GB of the GPU; by default of the one that is here."
)
@click.option("--reserve/--no-reserve", default=True, help="With a second worker's weights.")
def fit(lm: str, stt: str, memory: float | None, reserve: bool) -> None:
    """How many calls a GPU has memory for, by window and precision.

    Two recogniser slots and one of the duplex model a call, two whispers at once. How many it has
    time for is measured by `copilot bench calls`.
    """
    from copilot.providers.moshi import fits

    found = fits.gpu_memory()
    if memory is None and found is None:
        raise UserError("there is no GPU here: say how many GB one has, as --memory 80")
    name, size = (f"{memory:g} GB", int(memory * 1e9)) if memory else found or ("", 0)
    kept = "twice, for a worker in reserve" if reserve else "once"
    console.print(f"{name}: {lm} and {stt}, weights {kept}", highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("weights", "keys"):
        table.add_column(heading)
    for seconds in fits.WINDOWS_S:
        table.add_column(f"{seconds} s", justify="right")
    for one in fits.fits(lm, stt, size, reserve):
        table.add_row(one.weights, one.kv, *map(str, one.calls))
    console.print(table)


@models.command()
@click.argument("name")
@MODELS
@click.pass_obj
def fetch(settings: Settings, name: str, models: Path | None) -> None:
    """Bring the files of NAME that are missing or damaged from the hub.

    A fetch that was broken off goes on where it stopped; no file has its own name before it is
    whole. Of a gated model the licence must be accepted on its page first, and HF_TOKEN be set.
    """
    checkpoint = known(name)
    folder = _root(settings, models) / name
    if not any(state.fault for state in inspect(checkpoint, folder)):
        console.print(f"{name} is whole: {escape(str(folder))}", highlight=False, soft_wrap=True)
        return
    from copilot.cli.hub import fetch as run

    with Bars() as tell:
        came = run(checkpoint, folder, tell)
    console.print(
        f"{name}: {', '.join(came)} in {escape(str(folder))}", highlight=False, soft_wrap=True
    )


@models.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Leave out the SHA-256, which reads every byte.")
@MODELS
@click.pass_obj
def verify(settings: Settings, names: tuple[str, ...], quick: bool, models: Path | None) -> None:
    """Compare the files of NAMEs, of all that are here when none is named, with what they should
    be: tensors by name, shape and kind, and every byte where the SHA-256 is known.

    Weights are not loaded. The exit code is 1 where something is wrong.
    """
    root = _root(settings, models)
    chosen = [known(name) for name in names] or _present(root)
    if not chosen:
        console.print(f"{escape(str(root))} holds no model; see `copilot models list`.")
        return
    from copilot.engine.verify import verify as run

    wrong = False
    for checkpoint in chosen:
        with Bars() as tell:
            checked = list(run(checkpoint, root / checkpoint.name, tell, hashes=not quick))
        console.print(f"[bold]{checkpoint.name}[/]", highlight=False)
        console.print(_verdict(checked))
        wrong |= any(one.fault for one in checked)
    if wrong:
        console.print("Delete what is wrong; `copilot models fetch NAME` brings it again.")
        sys.exit(1)


def _root(settings: Settings, models: Path | None) -> Path:
    return models or settings.data / "models"


def _command(checkpoint: Checkpoint, models: Path | None) -> str:
    """What brings a model to where this command looked for it."""
    given = click.get_current_context().find_root().params
    words = ["copilot"]
    for name in ("config", "data"):
        words += [f"--{name}", str(given[name])] if given.get(name) else []
    words += ["models", "fetch", checkpoint.name]
    words += ["--models", str(models)] if models else []
    return shlex.join(words)


def _present(root: Path) -> list[Checkpoint]:
    """Those of which any file is here."""
    return [
        one
        for name, one in CHECKPOINTS.items()
        if any(state.bytes for state in inspect(one, root / name))
    ]


def _here(states: list[State]) -> str:
    whole = sum(not state.fault for state in states)
    if whole == len(states):
        return "[green]yes[/]"
    return f"{whole} of {len(states)}" if any(state.bytes for state in states) else "no"


def _size(checkpoint: Checkpoint, states: list[State]) -> str:
    """On disk once it is whole, before that as far as it is known."""
    if any(state.fault for state in states):
        total = sum(checkpoint.bytes(file) for file in checkpoint.files)
    else:
        total = sum(state.bytes for state in states)
    return f"{total / 1e9:.1f} GB"


def _fault(state: State) -> str:
    return state.fault


def _overview(looked: dict[Checkpoint, list[State]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("model", no_wrap=True)
    table.add_column("here", no_wrap=True)
    table.add_column("size", no_wrap=True, justify="right")
    table.add_column("what it is")
    for checkpoint, states in looked.items():
        about = f"{checkpoint.about}\n[dim]{checkpoint.licence}[/]"
        table.add_row(checkpoint.name, _here(states), _size(checkpoint, states), about)
    return table


def _verdict(checked: "list[Checked]") -> Table:
    """A line a file: whether it fits, by what that was told, and else what is wrong."""
    table = Table.grid("", "", Column(overflow="fold"), padding=(0, 1))
    for one in checked:
        word = "[red]wrong[/]" if one.fault else "[green]fits[/]"
        by = ", ".join(one.by)
        told = f"\n[red]{escape(one.fault)}[/]" if one.fault else f"  [dim]{by}[/]"
        table.add_row(" ", word, escape(one.file.name) + told)
    return table
