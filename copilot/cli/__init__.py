"""The command line: what an admin types, each command thin over the part that does the work."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.logging import RichHandler
from rich.markup import escape

from copilot import __version__
from copilot.cli.accounts import accounts
from copilot.cli.bench import bench
from copilot.cli.common import JSON, Bars, console, errors, write_bytes, write_json
from copilot.cli.evaluate import evaluate
from copilot.cli.gaps import gaps
from copilot.cli.labels import label, labels
from copilot.cli.learn import learn
from copilot.cli.mcp import mcp
from copilot.cli.models import models
from copilot.cli.packs import packs
from copilot.cli.train import train
from copilot.config import Settings
from copilot.engine.errors import EngineError
from copilot.errors import StoreError, UserError

if TYPE_CHECKING:
    from copilot.evaluate.listen import Result
    from copilot.retrieval.indexing import Progress


class Commands(click.Group):
    """Shows a user's mistake as one line and exits with 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (UserError, EngineError) as error:
            text = f"[bold red]copilot:[/] {escape(str(error))}"
            errors.print(text, highlight=False, soft_wrap=True)
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
    from copilot.demo.script import load
    from copilot.demo.synth import sample_call
    from copilot.serving import serve as run
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
        sample = Sample(recordings, script.packs)
        asyncio.run(run(settings, _say_ready, progress, sample, _say_welcome))


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
        write_bytes(log_path, write(results[0].entries))
    if json_path is not None:
        write_json(json_path, {"recordings": [result.figures() for result in results]})


@main.command()
@click.pass_obj
def index(settings: Settings) -> None:
    """Check the knowledge packs, publish those that changed and index what is new.

    A second run does nothing. A pack that was rolled back stays so until its folder changes.
    """
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


@main.command()
@JSON
@click.pass_obj
def egress(settings: Settings, json_path: Path | None) -> None:
    """Print every place that the service may talk to, and what goes there."""
    from copilot.mind.egress import destinations
    from copilot.providers import registry
    from copilot.providers.registry import Host

    host = Host(settings.data / "cache", privacy=settings.privacy)
    added: list[str] = []
    try:
        added = asyncio.run(_hooks(settings))
    except StoreError as error:
        errors.print(f"webhooks that the console has added are not listed: {error}", markup=False)
    found = destinations(settings, registry.mind(settings.mind, host), added)
    for one in found:
        masked = f"; masked: {', '.join(one.masked)}" if one.masked else ""
        console.print(
            f"{one.where}  {one.what}{masked}", highlight=False, markup=False, soft_wrap=True
        )
    if not found:
        console.print("nothing: no call, text or figure leaves this machine")
    if json_path is not None:
        write_json(json_path, {"egress": [msgspec.to_builtins(one) for one in found]})


async def _hooks(settings: Settings) -> list[str]:
    """Where the webhooks go that admins have added; nowhere where there is no database yet."""
    from copilot.cli.stored import open_database

    if not settings.database.url and not (settings.data / "copilot.sqlite").exists():
        return []
    async with open_database(settings) as store:
        return await store.mind.hook_urls()


def _say_ready(address: str) -> None:
    click.echo(f"serving on {address}")
    errors.print(f"softphone: {address}/try   calls: {address}/calls   stop: Ctrl-C", style="dim")


def _say_welcome(link: str) -> None:
    errors.print("Nobody has an account yet. Become the first admin, once, under:")
    click.echo(link, err=True)


async def _listen(
    settings: Settings, paths: Sequence[tuple[Path, Path | None]], progress: "Progress"
) -> "list[Result]":
    from copilot.assemble import senses
    from copilot.evaluate.listen import picture, play, recorded

    results = []
    calls = (recorded(*pair) for pair in paths)
    first = next(calls)  # a recording that is none is told before the packs are prepared
    async with senses(settings, progress, lockstep=True) as made:
        pinned = made.library.pin()
        for call in chain([first], calls):
            played = play(call, made.listener, pinned, settings.policy, progress)
            results.append(await played)
            console.print(picture(results[-1]))
    return results


for command in (accounts, bench, evaluate, gaps, label, labels, learn, mcp, models, packs, train):
    main.add_command(command)
