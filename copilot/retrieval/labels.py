"""Labels of queries, as people and calls give them: which passage answers, and which do not.

A file has one JSON object a line; ``passage`` is null where nothing in the pack answers::

    {"query": "where has my parcel got to", "passage": "parcel/tracking#where-is-my-parcel"}
    {"query": "can I pay in shares", "passage": null, "wrong": ["parcel/paying#how-can-i-pay"]}
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.errors import LearnError


class QueryLabel(Struct, frozen=True, forbid_unknown_fields=True):
    """What one query should have found."""

    query: str
    passage: str | None
    """The passage that answers it; None: nothing in the pack does."""
    wrong: tuple[str, ...] = ()
    """Passages that were put forward and did not help."""


def read_labels(files: Iterable[Path], passages: Collection[str]) -> list[QueryLabel]:
    """The labels of all files, each once.

    Raises LearnError that names file and line for one that cannot be used: no JSON, an empty query,
    a passage that is not among `passages`, one that is both right and wrong.
    """
    known = set(passages)
    labels: dict[QueryLabel, None] = {}
    for file in files:
        for number, line in enumerate(_lines(file), 1):
            if line.strip():
                labels[_label(f"{file}:{number}", line, known)] = None
    return list(labels)


def group(query: str) -> str:
    """What queries that differ in case and spaces share: they belong in the same fold."""
    return " ".join(query.casefold().split())


def _lines(file: Path) -> Sequence[str]:
    try:
        return file.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise LearnError(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise LearnError(f"{file}: is not UTF-8; save it in UTF-8") from None


def _label(place: str, line: str, known: set[str]) -> QueryLabel:
    try:
        label = msgspec.json.decode(line, type=QueryLabel)
    except msgspec.DecodeError as error:
        remedy = 'write {"query": …, "passage": … or null, "wrong": […]}'
        raise LearnError(f"{place}: is no label ({error}); {remedy}") from None
    if not label.query.strip():
        raise LearnError(f"{place}: query is empty; write what was asked, or remove the line")
    for passage in (label.passage, *label.wrong):
        if passage is not None and passage not in known:
            remedy = "use an id of the pack, pack/file#heading, or remove the line"
            raise LearnError(f"{place}: passage {passage!r} is not in the pack; {remedy}")
    if label.passage in label.wrong:
        raise LearnError(f"{place}: passage {label.passage!r} is both right and wrong; keep one")
    return label
