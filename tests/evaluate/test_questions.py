"""Questions: when a card can belong to a question."""

from copilot.evaluate.questions import Expects, Question


def test_a_question_has_a_window_around_its_end() -> None:
    question = Question(asks="a", at_ms=71_200, expects=Expects.SILENCE)
    assert question.window == (59_200, 83_200)


def test_it_says_where_it_starts() -> None:
    question = Question(
        asks="a", at_ms=20_000, expects=Expects.CARD, passages=("p",), start_ms=18_000
    )
    assert question.window == (18_000, 32_000)
