"""What differs between two versions of a pack."""

import msgspec

from copilot.core.vocabulary import Passage
from copilot.retrieval.changes import Changed, Edit, compare
from copilot.retrieval.packs import Pack

ONE = Passage("shop/a#one", "One?", "Text one.", "", 0)
TWO = Passage("shop/a#two", "Two?", "Text two.", "Say two.", 0)
THREE = Passage("shop/a#three", "Three?", "Text three.", "", 0)


def pack(*passages: Passage) -> Pack:
    return Pack("shop", "A shop", "", "en", "0badcafe", passages)


def test_added_removed_and_changed() -> None:
    edited = msgspec.structs.replace(TWO, text="Other text.", say="")
    changes = compare(pack(ONE, TWO), pack(edited, THREE))
    assert changes.added == (THREE,)
    assert changes.removed == (ONE,)
    edits = (Edit("text", "Text two.", "Other text."), Edit("say", "Say two.", ""))
    assert changes.changed == (Changed(edited, edits),)


def test_every_field_counts() -> None:
    edited = msgspec.structs.replace(ONE, valid_until="2026-12-31", entity="Ham", priority=9)
    (changed,) = compare(pack(ONE), pack(edited)).changed
    assert {edit.field for edit in changed.edits} == {"valid_until", "entity", "priority"}


def test_another_order_is_no_change() -> None:
    assert not compare(pack(ONE, TWO), pack(TWO, ONE))
