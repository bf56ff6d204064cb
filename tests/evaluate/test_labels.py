"""Labels are read from YAML, and a fault in them is named with its place."""

from pathlib import Path

import pytest

from copilot.errors import LabelError
from copilot.evaluate import labels
from copilot.evaluate.labels import Expects, Label, Targets, load_labels


def example() -> str:
    """The example of the module's own docstring."""
    text = str(labels.__doc__).split("::\n", 1)[1]
    return "\n".join(line[4:] for line in text.splitlines())


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text(example(), encoding="utf-8")
    found = load_labels(path)
    assert [label.expects for label in found.questions] == [
        Expects.CARD,
        Expects.SILENCE,
        Expects.SAID,
    ]
    assert found.questions[0].passages == ("parcel/tracking#my-tracking-has-not-moved",)
    assert found.questions[0].window == (31250, 46800)
    assert found.questions[1].window == (59200, 83200)
    assert found.targets == Targets(right=3, delay_ms=1000, unneeded=1)


def test_questions_are_put_in_order(tmp_path: Path) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text(
        "questions:\n"
        "  - {asks: b, at_ms: 9000, expects: silence}\n"
        "  - {asks: a, at_ms: 5000, expects: silence}\n",
        encoding="utf-8",
    )
    assert [label.asks for label in load_labels(path).questions] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("questions: [", "not a YAML file"),
        ("", "Expected `object`"),
        ("questions:\n  - {asks: a, at_ms: soon, expects: card}", r"\$.questions\[0\].at_ms"),
        ("questions:\n  - {asks: a, at_ms: 1, expects: crad}", "Invalid enum value 'crad'"),
        ("questions:\n  - {asks: a, at_ms: 1, expect: card}", "expect"),
        ("questions:\n  - {asks: a, at_ms: 1, expects: card}", "'a' expects a card; name"),
        (
            "questions:\n  - {asks: a, start_ms: 5, at_ms: 5, expects: silence}",
            "start_ms must come before at_ms",
        ),
    ],
)
def test_a_faulty_file_is_named_with_its_fault(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabelError, match=says) as caught:
        load_labels(path)
    assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"cannot be read \(No such file"):
        load_labels(tmp_path / "none.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"questions: [{asks: caf\xe9}]")
    with pytest.raises(LabelError, match="not a YAML file"):
        load_labels(path)


def test_a_label_says_where_its_question_starts() -> None:
    label = Label(asks="a", at_ms=20_000, expects=Expects.CARD, passages=("p",), start_ms=18_000)
    assert label.window[0] == 18_000
