"""A text is written in full and in order, whatever the model would do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.engine.errors import EngineError
from copilot.engine.presets import lm_preset
from copilot.engine.script import LEAD, MAX_PAD, TAIL, Script, words

TINY = lm_preset("tiny")
PAD, EPAD = TINY.existing_text_padding_id, TINY.existing_text_end_padding_id
PIECES = st.lists(st.sampled_from([5, 6, 7, 8]), min_size=1, max_size=4).map(tuple)
CHOICES = st.lists(st.sampled_from([PAD, PAD, EPAD, 9]), min_size=1, max_size=30)


def write(script: Script, choices: list[int], wish: float = 0.5) -> list[int]:
    """The text of a model that takes the choices in turn, until the script is over."""
    written: list[int] = []
    while not script.over:
        kind = {PAD: 0, EPAD: 1}.get(choices[len(written) % len(choices)], 2)
        token = script.plan[kind]
        assert token is not None
        script.written(token, wish)
        written.append(token)
        assert len(written) < 1000
    return written


@given(st.lists(PIECES, min_size=1, max_size=5), CHOICES)
def test_all_pieces_in_order_on_the_rhythm(text: list[tuple[int, ...]], choices: list[int]) -> None:
    script = Script(text, TINY)
    written = write(script, choices)
    assert [token for token in written if token not in (PAD, EPAD)] == [p for w in text for p in w]
    assert script.begun == len(text)
    assert written[:LEAD] == [PAD] * LEAD
    assert written[-TAIL:] == [PAD] * TAIL
    at = 0
    for word in text:
        start = next(i for i in range(at, len(written)) if written[i] not in (PAD, EPAD))
        assert tuple(written[start : start + len(word)]) == word
        gap = written[at:start][LEAD if at == 0 else 0 :]
        assert len(gap) <= MAX_PAD + 1
        assert EPAD not in gap[:-1]
        at = start + len(word)


@given(st.lists(PIECES, min_size=1, max_size=3))
def test_a_silent_model_is_made_to_begin(text: list[tuple[int, ...]]) -> None:
    written = write(Script(text, TINY), [PAD])
    assert written.count(EPAD) == len(text)
    for place, token in enumerate(written[:-1]):
        if token == EPAD:
            assert written[place + 1] == text[written[: place + 1].count(EPAD) - 1][0]


def test_a_calm_model_ends_sooner() -> None:
    written = write(Script([(5, 6)], TINY), [9], wish=0.01)
    assert written == [PAD, PAD, 5, 6, PAD, PAD, PAD, PAD]


def test_words_of_a_text() -> None:
    class Spell:
        def encode(self, text: str) -> list[int]:
            return [ord(letter) - ord("a") + 5 if letter.isalpha() else 0 for letter in text]

        def decode(self, tokens: list[int]) -> str:
            raise AssertionError

    assert words(" ab  c☺ ☺ ", Spell(), TINY) == ((5, 6), (7,))
    with pytest.raises(EngineError, match="'☺' has no word"):
        words("☺", Spell(), TINY)
