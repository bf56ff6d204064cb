"""What commands about stored calls share: which calls are meant, and where they come from."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from copilot.config import Settings
from copilot.errors import LogError, UserError

if TYPE_CHECKING:
    from copilot.evaluate.corpus import Stored
    from copilot.store.log import Store


class Chosen(NamedTuple):
    """The calls that a command is about."""

    logs: tuple[Path, ...]
    since: datetime | None
    all: bool
    labels: Path | None

    def none(self) -> str:
        """What to say where there is no such call."""
        if self.since is not None:
            return f"No stored call since {self.since:%Y-%m-%d}; --all takes every one."
        return "No stored calls yet: `copilot serve` keeps the calls whose parties consent."


SINCE = click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Stored calls that began on this day (UTC) or later.",
)


def choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options by which calls are chosen, handed to the command as ``chosen``."""

    def choose(
        logs: tuple[Path, ...],
        since: datetime | None,
        every: bool,
        labels: Path | None,
        **rest: object,
    ) -> object:
        if bool(logs) == (since is not None or every):
            raise UserError("name log files, or --since DATE, or --all for all stored calls")
        if labels is not None and not logs:
            raise UserError("--labels is for log files; stored calls have theirs beside them")
        found = tuple(path for log in logs for path in _files(log))
        return command(chosen=Chosen(found, since, every, labels), **rest)

    choose.__name__, choose.__doc__ = command.__name__, command.__doc__
    choose.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option(
            "--labels",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="Labels of the log files' calls, as `copilot labels export` writes them.",
        ),
        click.option("--all", "every", is_flag=True, help="All stored calls."),
        SINCE,
        click.argument(
            "logs", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[LOG.jsonl]..."
        ),
    ):
        choose = option(choose)
    return choose


@asynccontextmanager
async def open_calls(
    settings: Settings, chosen: Chosen, packs: Sequence[str] = ()
) -> "AsyncIterator[AsyncIterator[Stored]]":
    """The chosen calls, one at a time."""
    from copilot.evaluate.corpus import from_files, from_store, read_labels

    if chosen.logs:
        labels = read_labels(chosen.labels) if chosen.labels else []
        yield from_files(chosen.logs, labels)
        return
    async with open_database(settings) as store:
        since = chosen.since.replace(tzinfo=UTC) if chosen.since else None
        yield from_store(store, since, packs)


@asynccontextmanager
async def open_database(settings: Settings) -> "AsyncIterator[Store]":
    """The database of the settings, for a while."""
    from copilot.store.log import open_store

    settings.make_data()
    store = await open_store(settings.database_url)
    try:
        yield store
    finally:
        await store.close()


def _files(log: Path) -> Sequence[Path]:
    """The log itself, or the logs of a folder."""
    if not log.is_dir():
        return [log]
    found = sorted(log.glob("*.jsonl"))
    if not found:
        raise LogError(f"{log}: no call log (*.jsonl) in this folder")
    return found
