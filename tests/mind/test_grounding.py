"""Each test of the support check alone, and the whole of it on public data with planted errors."""

from pathlib import Path

import pytest

from copilot.core.vocabulary import Passage
from copilot.evaluate import grounding
from copilot.mind.grounding import Source
from copilot.mind.wording import costs, denies, numbers
from copilot.ports import Embedder

PASSAGE = Passage(
    "hotel/acorn#parking",
    "Is there parking at Acorn House?",
    "Yes, Acorn House has parking for 25 cars. It costs 12 pounds a night, and is closed on Monday "
    "from 10:00 to 14:30. Breakfast is free of charge. Pets are not allowed in the rooms.",
    "",
    90,
    "Acorn House",
)
HELD = [
    "Acorn House has parking for 25 cars.",
    "Parking is 12 pounds a night.",
    "You can park there for twelve pounds a night.",
    "Breakfast is complimentary.",
    "There is no charge for breakfast.",
    "Unfortunately pets aren't allowed in the rooms.",
    "Parking is closed on Monday from 10 to 2:30.",
]
DROPPED = [
    ("Parking is 15 pounds a night.", "number"),
    ("Acorn House has parking for 26 cars.", "number"),
    ("Parking is closed on Tuesday from 10:00 to 14:30.", "name"),
    ("Gonville House has parking for 25 cars.", "name"),
    ("Graffiti has parking for 25 cars.", "name"),
    ("Breakfast costs extra, there is a charge.", "price"),
    ("Pets are allowed in the rooms.", "denial"),
    ("Acorn House does not have parking.", "denial"),
    ("The swimming pool is heated all year.", "meaning"),
    ("Please transfer the money to our new bank account.", "meaning"),
]


@pytest.mark.parametrize("sentence", HELD)
def test_other_words_for_the_same_are_held(sentence: str, embedder: Embedder) -> None:
    [verdict] = Source([PASSAGE], embedder.embed).judge(sentence)
    assert verdict.fault == ""


@pytest.mark.parametrize(("sentence", "fault"), DROPPED)
def test_one_wrong_word_is_found(sentence: str, fault: str, embedder: Embedder) -> None:
    source = Source([PASSAGE], embedder.embed, ["Graffiti", "Gonville House", "Acorn House"])
    [verdict] = source.judge(sentence)
    assert verdict.fault.startswith(fault)


def test_wording() -> None:
    assert denies("there is no parking")
    assert not denies("it isn't prohibited")
    assert not denies("no more than two pets")
    assert denies("No, you cannot")
    assert costs("free of charge") == costs("complimentary") == {"free"}
    assert costs("the wifi is not free") == costs("there is a fee") == {"paid"}
    assert costs("gluten free options") == frozenset()
    assert numbers("1,000 of ten at 05:30") == {"1000", "10", "5", "30"}


def test_planted_errors_are_found_and_true_drafts_kept(embedder: Embedder) -> None:
    """Targets: at least 90 % of errors found, at most 10 % of true drafts dropped, 100 pairs."""
    folder = Path(__file__).resolve().parents[3] / "shared" / "data" / "turns" / "dstc9_val"
    if not folder.exists():
        pytest.skip("shared/data is not here: no public corpus to read")
    made = grounding.judge(grounding.read_pairs(folder, limit=105), embedder.embed)
    assert made.true >= 100
    assert made.recall >= 0.9
    assert made.false_drops <= 0.1
    assert all(made.caught[kind] >= 0.85 * made.planted[kind] for kind in grounding.KINDS)
