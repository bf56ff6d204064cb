"""Labels: when a card can belong to a question."""

from copilot.evaluate.labels import Expects, Label


def test_a_question_has_a_window_around_its_end() -> None:
    label = Label(asks="a", at_ms=71_200, expects=Expects.SILENCE)
    assert label.window == (59_200, 83_200)


def test_a_label_says_where_its_question_starts() -> None:
    label = Label(asks="a", at_ms=20_000, expects=Expects.CARD, passages=("p",), start_ms=18_000)
    assert label.window == (18_000, 32_000)
