"""Reading a corpus of moments, and what is told of one that cannot be used."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from copilot.core.vocabulary import Party
from copilot.errors import DataError
from copilot.evaluate.moments import read_corpus

KNOWLEDGE = {"id": "h/1/0", "domain": "h", "entity": "1", "entity_name": "Old Mill"} | {
    "title": "Is there wifi?",
    "body": "Yes.",
}
AGENT = {"speaker": "agent", "text": "Booked."}
MOMENT = {
    "id": "m1",
    "turns": [AGENT, {"speaker": "customer", "text": "wifi?"}],
    "needs": True,
    "gold": ["h/1/0"],
}


def write(folder: Path, knowledge: Sequence[object], turns: Sequence[object]) -> Path:
    for name, rows in (("knowledge", knowledge), ("turns", turns)):
        lines = b"\n".join(msgspec.json.encode(row) for row in rows)
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(lines))
    return folder


def test_a_domain_is_a_pack_and_an_entity_is_kept(tmp_path: Path) -> None:
    general = KNOWLEDGE | {"id": "t/*/0", "domain": "t", "entity_name": None}
    corpus = read_corpus(write(tmp_path, [KNOWLEDGE, general], [MOMENT]))
    assert [pack.name for pack in corpus.packs] == ["h", "t"]
    assert [pack.passages[0].entity for pack in corpus.packs] == ["Old Mill", ""]
    (moment,) = corpus.moments
    assert (moment.query, moment.needs, moment.gold) == ("wifi?", True, ("h/1/0",))
    assert [turn.party for turn in moment.before] == [Party.AGENT]


@pytest.mark.parametrize(
    ("turns", "told"),
    [
        ([MOMENT | {"gold": ["h/9/9"]}], "line 1: gold 'h/9/9' is no passage"),
        (
            [MOMENT, MOMENT | {"turns": [AGENT]}],
            "line 2: 'm1' does not end with a turn",
        ),
        ([MOMENT, {"id": "x"}], "line 2: not usable"),
        ([], "is empty"),
    ],
)
def test_a_corpus_that_cannot_be_used_is_told_by_line(
    tmp_path: Path, turns: list[object], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        read_corpus(write(tmp_path, [KNOWLEDGE], turns))


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"knowledge.jsonl.gz: cannot be read"):
        read_corpus(tmp_path)
    write(tmp_path, [KNOWLEDGE], [MOMENT])
    (tmp_path / "turns.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="not a gzip file"):
        read_corpus(tmp_path)
