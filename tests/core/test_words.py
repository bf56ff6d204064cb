"""Written and recognised text compared in one spoken form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.core.compose import grounded, line
from copilot.core.words import content, is_backchannel, share, spoken, stems, tokens
from tests.helpers import passage


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("It costs £4.50.", "it costs four fifty"),
        ("within 30 days", "within thirty days"),
        ("250 parcels", "two hundred fifty parcels"),
        ("Don't re-send!", "don't re send"),
    ],
)
def test_digits_are_compared_as_they_are_spoken(written: str, heard: str) -> None:
    assert tokens(written) == tokens(heard)


@given(st.integers(0, 999_999))
def test_every_number_can_be_spoken(number: int) -> None:
    assert spoken(number)


def test_endings_do_not_matter_but_meaning_does() -> None:
    assert content("Are you delivering parcels?") == content("we deliver a parcel")
    assert content("cancel") != content("change")


@pytest.mark.parametrize("text", ["mm-hm", "Yeah, okay.", "right", "uh huh"])
def test_backchannels(text: str) -> None:
    assert is_backchannel(text)


@pytest.mark.parametrize("text", ["", "change it", "no parcel"])
def test_what_is_no_backchannel(text: str) -> None:
    assert not is_backchannel(text)


def test_share_of_a_line_that_was_said() -> None:
    said = stems(["we deliver saturdays", "no extra cost"])
    assert share("We deliver on Saturdays at no extra cost.", said) == 100
    assert share("Refunds take ten days.", said) == 0
    assert share("", said) == 0


def test_a_line_is_authored_or_the_nearest_sentence_at_most_25_words() -> None:
    authored = passage(say="Say this.")
    assert line(authored, "anything") == "Say this."
    long = " ".join(f"refund{i}" for i in range(40))
    bare = passage(say="")
    bare = type(bare)(bare.id, "Title", f"Depots open at 8. {long}.", "", 50)
    assert line(bare, "when do depots open") == "Depots open at 8."
    assert len(line(bare, "refund7 refund8").split()) == 25
    assert line(type(bare)(bare.id, "Title", "", "", 50), "x") == "Title"


@pytest.mark.parametrize(
    ("draft", "held"),
    [
        ("Change the address in the app.", True),
        ("Change the address in the app within 3 days.", False),
        ("Ask the moon for cheese.", False),
        ("", False),
    ],
)
def test_a_draft_says_no_more_than_its_passages(draft: str, held: bool) -> None:
    assert grounded(draft, [passage()]) is held
