"""The knowledge folder: which packs it holds, each read whole or not at all."""

from collections.abc import Sequence
from pathlib import Path

from copilot.retrieval.packs.about import PACK_FILE
from copilot.retrieval.packs.draft import read_draft
from copilot.retrieval.packs.model import Fault, Pack, PackFaults, Reading
from copilot.retrieval.packs.reader import Reader


def load_packs(folder: Path, names: Sequence[str] = ()) -> tuple[Pack, ...]:
    """The packs of `folder` that `names` asks for (all of them when it is empty).

    Raises PackFaults with every fault of every pack; there is no half-loaded result.
    """
    reading = read_packs(folder, names)
    if reading.faults:
        raise PackFaults(reading.faults)
    return reading.packs


def read_packs(folder: Path, names: Sequence[str] = ()) -> Reading:
    """Read the packs of `folder`, collecting faults instead of raising them."""
    faults: list[Fault] = []
    with Reader() as reader:
        drafts = [read_draft(path, reader) for path in _packs(folder, names, faults)]
    for draft in drafts:
        faults += draft.faults
    packs = tuple(draft.pack for draft in drafts if draft.pack is not None)
    return Reading(packs, tuple(sorted(faults)))


def _packs(folder: Path, names: Sequence[str], faults: list[Fault]) -> list[Path]:
    if not folder.is_dir():
        remedy = "set knowledge.path to the folder that holds the packs"
        faults.append(Fault(str(folder), 0, "no such folder", remedy))
        return []
    found = sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    if not found:
        remedy = f"make a folder with a {PACK_FILE} in it"
        faults.append(Fault(str(folder), 0, "holds no pack", remedy))
    known = [path.name for path in found]
    for name in names:
        if name not in known:
            remedy = f"knowledge.packs may name {', '.join(known) or 'nothing yet'}"
            faults.append(Fault(str(folder / name), 0, "no such pack", remedy))
    return [path for path in found if not names or path.name in names]
