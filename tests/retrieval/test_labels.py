"""Label files: what can be used is read once, what cannot is told with its line."""

from pathlib import Path

import pytest

from copilot.errors import LearnError
from copilot.retrieval.labels import QueryLabel, read_labels

KNOWN = ("p/a#one", "p/a#two")


def read(folder: Path, text: str | bytes) -> list[QueryLabel]:
    file = folder / "labels.jsonl"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_labels([file], KNOWN)


def test_each_label_is_read_once(tmp_path: Path) -> None:
    line = '{"query": "where is it", "passage": "p/a#one", "wrong": ["p/a#two"]}\n'
    nothing = '{"query": "sing me a song", "passage": null}\n'
    assert read(tmp_path, line + "\n" + nothing + line) == [
        QueryLabel("where is it", "p/a#one", ("p/a#two",)),
        QueryLabel("sing me a song", None),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"query": "x"', "labels.jsonl:1: is no label"),
        ('\n{"query": "x"}', "labels.jsonl:2: is no label"),
        ('{"query": "x", "passage": 4}', "$.passage"),
        ('{"query": "x", "passage": null, "right": 1}', "right"),
        ('{"query": " ", "passage": null}', "query is empty"),
        ('{"query": "x", "passage": "p/a#six"}', "'p/a#six' is not in the pack"),
        ('{"query": "x", "passage": null, "wrong": ["q"]}', "'q' is not in the pack"),
        ('{"query": "x", "passage": "p/a#one", "wrong": ["p/a#one"]}', "both right and wrong"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_label_that_cannot_be_used(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(LearnError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LearnError, match="cannot be read"):
        read_labels([tmp_path / "none.jsonl"], KNOWN)
