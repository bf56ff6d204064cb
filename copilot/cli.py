"""The command line: what an admin types, each command thin over the part that does the work."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from copilot import __version__
from copilot.config import Settings
from copilot.errors import UserError

if TYPE_CHECKING:
    from copilot.assemble import Progress
    from copilot.evaluate.listen import Result

SECONDS = click.FloatRange(1, 3600)
SOME = click.IntRange(1)
console = Console()
errors = Console(stderr=True)


def _quiet(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Figures that are printed stand alone, for programs to read."""
    console.quiet = str(path) == "-"
    return path


JSON = click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, allow_dash=True),
    callback=_quiet,
    help="Write the figures to PATH; - prints them alone.",
)


class Commands(click.Group):
    """Shows a user's mistake as one line and exits with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            errors.print(f"[bold red]copilot:[/] {error}", highlight=False, soft_wrap=True)
            sys.exit(2)
        except KeyboardInterrupt:
            sys.exit(130)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file instead of ./copilot.toml.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder instead of ./var.")
@click.option("-v", "--verbose", is_flag=True, help="Log what happens.")
@click.pass_context
def main(ctx: click.Context, config: Path | None, data: Path | None, verbose: bool) -> None:
    """A live call copilot: it hears agent and customer, shows the agent the right card at the
    right moment, and is silent otherwise.

    \b
    Begin with:   copilot demo      a sample call, watched in the terminal
                  copilot serve     the service, with a softphone at /try
    """
    console.quiet = False
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(name)s: %(message)s",
        handlers=[RichHandler(console=errors, show_path=False)],
    )
    settings = Settings.load(config)
    ctx.obj = settings.model_copy(update={"data": data}) if data else settings


@main.command()
@click.option("--host", help="Interface to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.pass_obj
def serve(settings: Settings, host: str | None, port: int | None) -> None:
    """Run the service: signalling, pages and live view in one process."""
    settings.make_data()
    from copilot.assemble import serve as run
    from copilot.demo.script import load
    from copilot.demo.synth import sample_call
    from copilot.web.sample import Sample

    script = load()

    async def recordings() -> tuple[Path, Path]:
        made = await sample_call(settings.data / "demo", script=script)
        return made.agent, made.customer

    given = {"host": host, "port": port}
    chosen = {key: value for key, value in given.items() if value is not None}
    server = settings.server.model_copy(update=chosen)
    settings = settings.model_copy(update={"server": server})
    with Bars() as progress:
        asyncio.run(run(settings, _say_ready, progress, Sample(recordings, script.packs)))


@main.command()
@click.option("--once", is_flag=True, help="End after the call; exit code 0 if targets are met.")
@click.option("--touch", is_flag=True, help="Use each card shortly after it appears.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), help="Write the figures to PATH."
)
@click.pass_obj
def demo(settings: Settings, once: bool, touch: bool, json_path: Path | None) -> None:
    """Start the service and watch a sample call: words, cards, and the reason of each silence."""
    settings.make_data()
    from copilot.demo.run import demo as run

    sys.exit(asyncio.run(run(settings, once, json_path, console, touch)))


@main.command()
@click.argument("agent", type=click.Path(path_type=Path))
@click.argument("customer", type=click.Path(path_type=Path), required=False)
@click.option("--log", "log_path", type=click.Path(path_type=Path), help="Write the call log.")
@JSON
@click.pass_obj
def listen(
    settings: Settings,
    agent: Path,
    customer: Path | None,
    log_path: Path | None,
    json_path: Path | None,
) -> None:
    """Play a recorded call through the copilot, faster than real time.

    Give AGENT and CUSTOMER as two files, or one file: of two channels the first is the agent, a
    single channel is heard as the customer. A folder is heard file by file. A transcript of the
    file in a manifest.json beside it is compared word by word.
    """
    settings.make_data()
    from copilot.evaluate.listen import recordings
    from copilot.evaluate.logs import write

    paths = recordings(agent, customer)
    if log_path is not None and len(paths) > 1:
        raise UserError(f"--log {log_path}: a log holds one call; give one recording")
    with Bars() as progress:
        results = asyncio.run(_listen(settings, paths, progress))
    if log_path is not None:
        _write(log_path, write(results[0].entries))
    if json_path is not None:
        _write_json(json_path, {"recordings": [result.figures() for result in results]})


@main.command()
@click.pass_obj
def index(settings: Settings) -> None:
    """Check the knowledge packs and index what is new; a second run does nothing."""
    settings.make_data()
    from copilot.assemble import index as run

    with Bars() as progress:
        console.print(run(settings, progress), highlight=False)


@main.command()
@click.argument("log", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def replay(log: Path) -> None:
    """Run the inputs of a call log (JSON lines) again and compare every effect, bit for bit."""
    from copilot.core.call import replay as run
    from copilot.evaluate.logs import difference, read

    entries = read(log)
    found = run(entries)
    if found is not None:
        errors.print(difference(found))
        sys.exit(1)
    console.print(f"{log}: {len(entries)} entries replayed, every one the same")


@main.group()
def bench() -> None:
    """Measure speed; every figure with its machine, versions and ratios."""


@bench.command("core")
@click.option(
    "--minutes",
    type=click.FloatRange(0, 10_000, min_open=True),
    default=60.0,
    show_default=True,
    help="Length of the synthetic call.",
)
@JSON
def bench_core(minutes: float, json_path: Path | None) -> None:
    """Time of one step of the core."""
    from copilot.bench import core

    _report(core.run(minutes), core.table, json_path)


@bench.command("sidecar")
@click.option("--calls", type=SOME, default=80, show_default=True, help="Calls at once.")
@click.option(
    "--seconds", type=SECONDS, default=8.0, show_default=True, help="Length of each measurement."
)
@JSON
def bench_sidecar(calls: int, seconds: float, json_path: Path | None) -> None:
    """Calls per core, sound lost and delay added, beside aiortc's own receive path."""
    from copilot.bench import sidecar

    _report(sidecar.run(seconds=seconds, calls=calls), sidecar.table, json_path)


@bench.command("ear")
@click.option("--calls", type=SOME, default=2, show_default=True, help="Calls at once, at most.")
@click.option(
    "--seconds", type=SECONDS, default=15.0, show_default=True, help="Length of each measurement."
)
@JSON
def bench_ear(calls: int, seconds: float, json_path: Path | None) -> None:
    """Cost of the embedded ear per call, late ticks, word errors where transcripts are at hand."""
    from copilot.bench import ear

    _report(ear.run(seconds=seconds, calls=calls), ear.table, json_path)


@bench.command("search")
@click.option(
    "--passages", type=SOME, default=10_000, show_default=True, help="Size of the larger base."
)
@click.option("--queries", type=SOME, default=200, show_default=True, help="Queries per base.")
@JSON
def bench_search(passages: int, queries: int, json_path: Path | None) -> None:
    """Time of a search and of its parts."""
    from copilot.bench import search

    _report(search.run(passages=passages, queries=queries), search.table, json_path)


def _say_ready(address: str) -> None:
    click.echo(f"serving on {address}")
    errors.print(f"softphone: {address}/try   calls: {address}/calls   stop: Ctrl-C", style="dim")


def _report(
    result: dict[str, object], table: Callable[[dict[str, object]], Any], path: Path | None
) -> None:
    console.print(table(result))
    if path is not None:
        _write_json(path, result)


def _write_json(path: Path, figures: dict[str, object]) -> None:
    _write(path, json.dumps(figures, indent=2, ensure_ascii=False).encode() + b"\n")


def _write(path: Path, content: bytes) -> None:
    if str(path) == "-":
        click.echo(content, nl=False)
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    errors.print(f"wrote {path}", style="dim")


async def _listen(
    settings: Settings, paths: Sequence[tuple[Path, Path | None]], progress: "Progress"
) -> "list[Result]":
    from copilot.assemble import senses
    from copilot.evaluate.listen import picture, play, recorded

    results = []
    calls = (recorded(*pair) for pair in paths)
    first = next(calls)  # a recording that is none is told before the packs are prepared
    async with senses(settings, progress, lockstep=True) as made:
        retriever, refs = made.library.retriever(), made.library.refs()
        for call in chain([first], calls):
            played = play(call, made.listener, retriever, refs, settings.policy, progress)
            results.append(await played)
            console.print(picture(results[-1]))
    return results


class Bars:
    """A bar for work that takes longer than a blink; called as ``(what, done, of)``."""

    def __enter__(self) -> Callable[[str, int, int], None]:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        quiet = not errors.is_terminal
        self._bar = Bar(*columns, console=errors, transient=True, disable=quiet)
        self._tasks: dict[str, Any] = {}
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._tasks:
            self._bar.stop()

    def _tell(self, what: str, done: int, of: int) -> None:
        if not self._tasks:
            self._bar.start()
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=of)
        self._bar.update(self._tasks[what], completed=done, total=of)
        if done >= of and all(task.finished for task in self._bar.tasks):
            self._bar.stop()
            self._tasks.clear()
