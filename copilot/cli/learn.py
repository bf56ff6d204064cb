"""``copilot learn``: make a pack's search better from labels, and go back."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.table import Table

from copilot.cli.common import JSON, Bars, errors, report
from copilot.cli.stored import SINCE, Chosen, open_calls
from copilot.config import Settings
from copilot.errors import LearnError

if TYPE_CHECKING:
    from copilot.evaluate.taught import Taught
    from copilot.retrieval.labels import QueryLabel
    from copilot.retrieval.learned import Learned
    from copilot.retrieval.packs import Pack
    from copilot.retrieval.teach import Outcome


@click.command()
@click.argument("pack")
@click.option(
    "--labels",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Labels, a JSON object a line; may be given several times.",
)
@click.option("--calls", is_flag=True, help="Learn from all stored calls that used the pack.")
@SINCE
@click.option("--back", is_flag=True, help="Use the version before the one in use.")
@click.option("--versions", is_flag=True, help="Tell what was learned so far.")
@JSON
@click.pass_obj
def learn(
    settings: Settings,
    pack: str,
    files: tuple[Path, ...],
    calls: bool,
    since: datetime | None,
    back: bool,
    versions: bool,
    json_path: Path | None,
) -> None:
    """Learn from labels and calls which passages of PACK answer which queries, and what none does.

    A label is a line {"query": "…", "passage": "pack/file#heading", "wrong": []}, its passage null
    where nothing in the pack answers. Calls tell by the cards that agents used or dismissed, and by
    what reviewers said with `copilot label`; labels of a file outweigh them. What is learned is
    used from the next start on, and only if it is better on labels that were held out; it never
    changes the pack.
    """
    chosen = Chosen((), since, calls, None) if calls or since is not None else None
    if bool(files or chosen) + back + versions != 1:
        raise LearnError(
            f"{pack}: give --labels FILE or --calls to learn, or --back, or --versions"
        )
    settings.make_data()
    from copilot.retrieval.learned import Learned

    learned = Learned(settings.data, pack)
    if back or versions:
        if back:
            learned.back()
        report(_told(learned), _history, json_path)
        return
    outcome, taught = _learn(settings, learned, files, chosen)
    figures = {**msgspec.to_builtins(outcome), "calls": _figures(taught) if taught else None}
    report(figures, lambda _: _table(outcome), json_path)


def _learn(
    settings: Settings, learned: "Learned", files: Sequence[Path], chosen: Chosen | None
) -> "tuple[Outcome, Taught | None]":
    from copilot.providers import registry
    from copilot.retrieval.labels import read_labels
    from copilot.retrieval.packs import load_packs
    from copilot.retrieval.teach import teach
    from copilot.trained import trained_for

    (pack,) = load_packs(settings.knowledge.path, [learned.pack])
    labels = read_labels(files, {passage.id for passage in pack.passages})
    taught = None
    if chosen is not None:
        taught = asyncio.run(_taught(settings, chosen, pack, labels))
        errors.print(_sources(taught), style="dim", highlight=False, soft_wrap=True)
        labels += taught.labels
    embedder = registry.embedder(settings.embedder, registry.Host(settings.data / "cache"))
    model = trained_for(embedder.name)
    calls = taught.ids if taught is not None else ()
    with Bars() as progress:
        outcome = teach(pack.name, pack.passages, labels, embedder, learned, progress, model, calls)
    return outcome, taught


async def _taught(
    settings: Settings, chosen: Chosen, pack: "Pack", decided: "Sequence[QueryLabel]"
) -> "Taught":
    from copilot.evaluate.taught import Teaching

    teaching = Teaching(pack.name, [passage.id for passage in pack.passages])
    async with open_calls(settings, chosen, [pack.name]) as calls:
        async for call in calls:
            teaching.add(call)
    return teaching.taught(decided)


def _figures(taught: "Taught") -> dict[str, int]:
    nothing = sum(label.passage is None for label in taught.labels)
    return {
        "calls": taught.calls,
        "answered": len(taught.labels) - nothing,
        "unanswerable": nothing,
        "gone": taught.gone,
        "wrong_only": taught.wrong_only,
    }


def _sources(taught: "Taught") -> str:
    """What the calls gave, and what of it cannot be used."""
    found = _figures(taught)
    told = [
        f"{found['calls']} stored calls used the pack: {found['answered']} labels name the right "
        f"passage, {found['unanswerable']} say that nothing answers"
    ]
    if taught.gone:
        told.append(f"{taught.gone} queries left out, whose passage the pack no longer has")
    if taught.wrong_only:
        told.append(f"{taught.wrong_only} left out, of which only a wrong passage is known")
    return "; ".join(told)


def _table(outcome: "Outcome") -> Table:
    trial, skill = outcome.trial, outcome.skill
    parts = outcome.kept.parts if outcome.kept else ()
    caption = (
        f"version {outcome.kept.number} is in use with a new {' and '.join(parts)}"
        if outcome.kept
        else "nothing was better on held-out labels; nothing has changed"
    )
    table = Table("held out", "before", "after", title=f"Learned for {outcome.pack}")
    for name, before, after in (
        ("right passage first (R@1)", trial.before.first, trial.after.first),
        ("among the first five (R@5)", trial.before.five, trial.after.five),
        ("1 / rank (MRR@5)", trial.before.reciprocal, trial.after.reciprocal),
    ):
        table.add_row(name, f"{before:.3f}", f"{after:.3f}")
    table.add_row("queries that lost, that gained", str(trial.fallen), str(trial.risen))
    if skill:
        table.add_row(
            "tells what it can answer (AUROC)", f"{skill.cosine:.3f}", f"{skill.auroc:.3f}"
        )
        table.add_row("calibration error of that", "", f"{skill.calibration_error:.3f}")
    elif outcome.no_scope:
        caption += f"\nno scope: {outcome.no_scope}"
    table.caption = caption
    return table


def _told(learned: "Learned") -> dict[str, object]:
    versions = [msgspec.to_builtins(version) for version in learned.versions()]
    return {"pack": learned.pack, "current": learned.current(), "versions": versions}


def _history(told: dict[str, object]) -> Table:
    table = Table("version", "from", "made", "labels", "new", title=f"Learned for {told['pack']}")
    versions = told["versions"]
    assert isinstance(versions, list)
    for version in versions:
        mark = " in use" if version["number"] == told["current"] else ""
        table.add_row(
            f"{version['number']}{mark}",
            str(version["parent"] or "none"),
            version["created"],
            str(version["labels"]),
            ", ".join(version["parts"]),
        )
    return table
