"""``copilot label`` and ``copilot labels``: what people think of a call's inquiries."""

import asyncio
import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from copilot.cli.common import console, errors, write_bytes
from copilot.cli.stored import open_database
from copilot.config import Settings
from copilot.errors import LabelError, UserError

if TYPE_CHECKING:
    from copilot.evaluate.labels import Labelled
    from copilot.store.label import Label
    from copilot.store.log import Store

VERDICTS = ("right", "wrong", "missed", "silent", "unneeded")
"""`copilot.store.label.Verdict`, named here so that help needs no database."""


@click.command("label")
@click.argument("call")
@click.argument("inquiry", type=click.IntRange(1), required=False)
@click.argument("verdict", type=click.Choice(VERDICTS), required=False)
@click.option(
    "--passage",
    default="",
    help="Id of the passage that would have been right; `none` where nothing in the packs answers.",
)
@click.option("--note", default="", help="Anything to remember.")
@click.option("--by", help="Who says so; without it, your user name.")
@click.pass_obj
def label(
    settings: Settings,
    call: str,
    inquiry: int | None,
    verdict: str | None,
    passage: str,
    note: str,
    by: str | None,
) -> None:
    """Say what a card or a silence of a stored CALL was worth.

    \b
    CALL alone lists its inquiries. Of a card say   right     needed, and it was the right one
                                                    wrong     needed, but another passage
                                                    unneeded  nobody needed it
    of a silence                                    silent    rightly so
                                                    missed    a card was needed
    The newest verdict of each person counts.
    """
    if inquiry is None:
        asyncio.run(_list(settings, call))
        return
    if verdict is None:
        raise UserError(f"say a VERDICT on inquiry {inquiry}: {', '.join(VERDICTS)}")
    asyncio.run(_add(settings, call, inquiry, verdict, passage, note, by or getpass.getuser()))


@click.group("labels")
def labels() -> None:
    """Labels as files: JSON lines, one label each."""


@labels.command("export")
@click.argument("path", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
@click.pass_obj
def export_labels(settings: Settings, path: Path) -> None:
    """Write all labels to PATH; - prints them."""
    from copilot.evaluate.corpus import write_labels

    found = asyncio.run(_all(settings))
    write_bytes(path, write_labels(found))
    errors.print(f"{len(found)} label{'s' * (len(found) != 1)}", style="dim")


@labels.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.pass_obj
def import_labels(settings: Settings, path: Path) -> None:
    """Add the labels of PATH, all or none; those that are there already are skipped."""
    from copilot.evaluate.corpus import read_labels

    found = read_labels(path)
    new = asyncio.run(_import(settings, path, found))
    console.print(f"{new} new, {len(found) - new} there already", highlight=False)


async def _list(settings: Settings, call: str) -> None:
    async with open_database(settings) as store:
        cases = await _labelled(store, call)
    if not cases:
        console.print("This call asked nothing: there is nothing to judge.")
        return
    table = Table("", "at", "words", "came", "known")
    for column in (0, 1):
        table.columns[column].no_wrap = True
    for one in cases:
        table.add_row(*_row(one))
    console.print(table)


def _row(one: "Labelled") -> tuple[str, str, Text, Text, str]:
    from copilot.core.vocabulary import TICK_MS
    from copilot.evaluate.report import clock

    case = one.case
    came = f"{case.title} ({case.support} %)"
    if case.silence is not None:
        nearest = f": {came}" if case.passage else ""
        came = f"silent, {case.silence.replace('_', ' ')}{nearest}"
    known = one.verdict.value if one.verdict else one.use.value.replace("_", " ")
    at = clock(case.tick * TICK_MS)
    return str(case.inquiry), at, Text(case.query), Text(came), known


async def _add(
    settings: Settings, call: str, inquiry: int, verdict: str, passage: str, note: str, by: str
) -> None:
    import msgspec

    from copilot.store.label import Label

    values = {
        "call_id": call,
        "inquiry": inquiry,
        "verdict": verdict,
        "by": by,
        "at": datetime.now(UTC),
        "passage": passage,
        "note": note,
    }
    try:
        made = msgspec.convert(values, Label)
    except msgspec.ValidationError as error:
        raise LabelError(f"this label cannot be kept: {error}") from None
    async with open_database(settings) as store:
        _check(made, await _labelled(store, call))
        await store.labels.add([made])
    console.print(f"{call}, inquiry {inquiry}: {verdict}", highlight=False)


def _check(made: "Label", cases: "tuple[Labelled, ...]") -> None:
    """A verdict fits its inquiry, and its passage the verdict."""
    from copilot.store.label import NOTHING, Verdict

    known = {one.case.inquiry: one.case for one in cases}
    case = known.get(made.inquiry)
    where = f"{made.call_id}, inquiry {made.inquiry}"
    if case is None:
        there = ", ".join(map(str, known)) or "none"
        raise LabelError(f"{where}: no such inquiry; there are {there}")
    if case.shown and not made.verdict.shown:
        raise LabelError(f"{where}: it had a card; say right, wrong or unneeded")
    if not case.shown and made.verdict.shown:
        raise LabelError(f"{where}: it had no card; say silent or missed")
    if made.verdict is Verdict.RIGHT and made.passage == NOTHING:
        raise LabelError(
            f"{where}: right, though nothing answers? Leave --passage out, or say wrong"
        )
    if made.verdict is Verdict.WRONG and made.passage and made.passage == case.passage:
        raise LabelError(
            f"{where}: {made.passage!r} is the one that was shown; say right, or name another"
        )


async def _labelled(store: "Store", call: str) -> "tuple[Labelled, ...]":
    from copilot.evaluate.labels import labels_of

    return labels_of(await store.read(call), await store.labels.of(call))


async def _all(settings: Settings) -> "list[Label]":
    async with open_database(settings) as store:
        return [label async for label in store.labels.all()]


async def _import(settings: Settings, path: Path, found: "list[Label]") -> int:
    async with open_database(settings) as store:
        cases: dict[str, tuple[Labelled, ...]] = {}
        for number, one in enumerate(found, start=1):
            if one.call_id not in cases:
                if await store.call(one.call_id) is None:
                    raise LabelError(
                        f"{path}, line {number}: no call {one.call_id} in this database; "
                        "take the line out, or name another data folder with --data"
                    )
                cases[one.call_id] = await _labelled(store, one.call_id)
            try:
                _check(one, cases[one.call_id])
            except LabelError as error:
                raise LabelError(f"{path}, line {number}: {error}") from None
        return await store.labels.add(found)
