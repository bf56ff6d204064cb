"""``copilot learn``: make a pack's search better from labels, and go back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.table import Table

from copilot.cli.common import JSON, Bars, report
from copilot.config import Settings
from copilot.errors import LearnError

if TYPE_CHECKING:
    from copilot.retrieval.learned import Learned
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
@click.option("--back", is_flag=True, help="Use the version before the one in use.")
@click.option("--versions", is_flag=True, help="Tell what was learned so far.")
@JSON
@click.pass_obj
def learn(
    settings: Settings,
    pack: str,
    files: tuple[Path, ...],
    back: bool,
    versions: bool,
    json_path: Path | None,
) -> None:
    """Learn from labels which passages of PACK answer which queries, and what none answers.

    A label is a line {"query": "…", "passage": "pack/file#heading", "wrong": []}, its passage null
    where nothing in the pack answers. What is learned is used from the next start on, and only if
    it is better on labels that were held out; it never changes the pack.
    """
    if bool(files) + back + versions != 1:
        raise LearnError(f"{pack}: give --labels FILE, --back or --versions, one of them")
    settings.make_data()
    from copilot.retrieval.learned import Learned
    from copilot.retrieval.packs import load_packs

    if back or versions:
        learned = Learned(settings.data, pack)
        if back:
            learned.back()
        report(_told(learned), _history, json_path)
        return
    from copilot.providers import registry
    from copilot.retrieval.labels import read_labels
    from copilot.retrieval.teach import teach

    (found,) = load_packs(settings.knowledge.path, [pack])
    labels = read_labels(files, {passage.id for passage in found.passages})
    embedder = registry.embedder(settings.embedder, registry.Host(settings.data / "cache"))
    with Bars() as progress:
        outcome = teach(
            pack, found.passages, labels, embedder, Learned(settings.data, pack), progress
        )
    report(msgspec.to_builtins(outcome), lambda _: _table(outcome), json_path)


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
