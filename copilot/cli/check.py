"""``copilot packs check``: what the authors of packs should look at."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from rich.padding import Padding
from rich.text import Text

from copilot.cli.common import JSON, Bars, console, write_json
from copilot.config import Settings

if TYPE_CHECKING:
    from copilot.core.vocabulary import Passage
    from copilot.retrieval.conflicts import Conflict
    from copilot.retrieval.packs import Fault, Reading

SHOWN = 50
"""Entries of a list that are printed; the JSON has all."""


@click.command()
@click.argument("names", metavar="[PACK]...", nargs=-1)
@JSON
@click.pass_obj
def check(settings: Settings, names: tuple[str, ...], json_path: Path | None) -> None:
    """Read packs (all in use, or those named) and tell what their authors should look at.

    Faults keep a pack from being used, and the exit code is then 1. Contradictions (one question,
    two answers) and duplicates are advice.
    """
    settings.make_data()
    from copilot.retrieval.packs import read_packs

    reading = read_packs(settings.knowledge.path, names or settings.knowledge.packs)
    conflicts = _conflicts(settings, reading)
    _show(settings.knowledge.path, reading, conflicts)
    if json_path is not None:
        found = {
            "packs": {pack.ref: len(pack.passages) for pack in reading.packs},
            "faults": reading.faults,
            "conflicts": conflicts,
        }
        write_json(json_path, msgspec.to_builtins(found))
    sys.exit(1 if reading.faults else 0)


def _conflicts(settings: Settings, reading: "Reading") -> "list[Conflict]":
    """The conflicts inside each pack."""
    from copilot.providers import registry
    from copilot.providers.registry import Host
    from copilot.retrieval.conflicts import embedded, find_conflicts

    found: list[Conflict] = []
    embedder = registry.embedder(settings.embedder, Host(settings.data / "cache"))
    with Bars() as progress:
        for pack in reading.packs:
            vectors = embedded(pack.passages, embedder, progress)
            found += find_conflicts(pack.passages, *vectors)
    return found


# ---- what is printed ---------------------------------------------------------------------------

_ADVICE = {
    "contradiction": "keep the answer that is true, or say in each what it is about (entity)",
    "duplicate": "merge the two, or tell their questions apart",
}


def _show(folder: Path, reading: "Reading", conflicts: "Sequence[Conflict]") -> None:
    passages = {p.id: p for pack in reading.packs for p in pack.passages}
    _head("fault", len(reading.faults), "red")
    for fault in reading.faults[:SHOWN]:
        _show_fault(folder, fault)
    for kind, advice in _ADVICE.items():
        some = [conflict for conflict in conflicts if conflict.kind == kind]
        _head(kind, len(some), "yellow")
        for conflict in some[:SHOWN]:
            _show_conflict(conflict, passages, advice)
    for pack in reading.packs:
        console.print(f"{pack.ref}: {len(pack.passages):,} passages", highlight=False)
    if not reading.faults and not conflicts:
        console.print("nothing to mend", style="green")


def _head(what: str, count: int, style: str) -> None:
    more = f", the first {SHOWN} (--json PATH has all)" if count > SHOWN else ""
    if count:
        plural = "s" if count > 1 else ""
        console.print(Text(f"{count:,} {what}{plural}{more}", f"bold {style}"))


def _show_fault(folder: Path, fault: "Fault") -> None:
    file = Path(fault.file)
    short = file.relative_to(folder) if file.is_relative_to(folder) else file
    _line(f"{short}:{fault.line}" if fault.line else str(short), "bold")
    _line(fault.problem, indent=4)
    _line(f"→ {fault.remedy}", "green", indent=4)
    console.print()


def _show_conflict(conflict: "Conflict", passages: "dict[str, Passage]", advice: str) -> None:
    for passage in (passages[conflict.first], passages[conflict.second]):
        _line(passage.title, "bold")
        _line(passage.id, "dim", indent=4)
    _line(conflict.why, indent=4)
    _line(f"→ {advice}", "green", indent=4)
    console.print()


def _line(text: str, style: str = "", indent: int = 2) -> None:
    console.print(Padding(Text(text, style), (0, 0, 0, indent), expand=False))
