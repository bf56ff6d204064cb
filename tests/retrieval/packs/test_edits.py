"""Edits over the passages of files: what stands, what is doubted, what cannot be kept."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.core.vocabulary import Passage
from copilot.errors import PackError
from copilot.retrieval.packs import load_packs, read_packs
from copilot.retrieval.packs.edits import (
    EDITS_FILE,
    Doubt,
    Edit,
    apply,
    fingerprint,
    problems,
    read_edits,
    write_edits,
)
from tests.documents import pack

FILE = "---\ntitle: Hours\n---\n\n## When do you open?\n\nsay: At nine.\n\nAt nine every day.\n"


def passage(name: str, text: str = "Yes.") -> Passage:
    return Passage(f"shop/faq#{name}", name, text, "", 0)


def over(one: Passage, **changed: object) -> Edit:
    values = {"title": one.title, "text": one.text, "base": fingerprint(one), **changed}
    return Edit(**values)  # type: ignore[arg-type]


def test_an_edit_stands_over_its_passage_and_keeps_its_id_and_place() -> None:
    one, other = passage("one"), passage("other")
    made = apply([one, other], {one.id: over(one, text="No.", say="No.")})
    assert [p.id for p in made.passages] == [one.id, other.id]
    assert (made.passages[0].text, made.passages[0].say) == ("No.", "No.")
    assert made.under == {one.id: one}
    assert made.doubts == {}


def test_a_file_that_changed_under_an_edit_is_told_and_the_edit_stands() -> None:
    one = passage("one")
    made = apply([passage("one", "Maybe.")], {one.id: over(one, say="Yes!")})
    assert made.passages[0].say == "Yes!"
    assert made.doubts == {one.id: Doubt.CHANGED}


def test_an_edit_whose_passage_is_gone_is_kept_and_told() -> None:
    one = passage("one")
    made = apply([], {one.id: over(one), "shop/written#new": Edit("New?", "Yes.")})
    assert [p.title for p in made.passages] == ["one", "New?"]
    assert made.doubts == {one.id: Doubt.GONE}


def test_what_nobody_has_read_is_there_and_not_published(tmp_path: Path) -> None:
    one = passage("one")
    drafted = Edit("New?", "", asked="what is new", drafted=True)
    made = apply([one], {"shop/written#new": drafted})
    assert [p.title for p in made.passages] == ["one", "New?"]
    assert made.ready == (one,)
    assert made.doubts == {"shop/written#new": Doubt.DRAFTED}
    folder = pack(tmp_path)
    write_edits(folder, {"shop/written#new": drafted})
    reading = read_packs(tmp_path)
    assert [fault.remedy for fault in reading.faults] == [
        "read what was drafted from gaps, and save it"
    ]
    (folder / "faq.md").write_text(FILE)
    [read] = load_packs(tmp_path)
    assert [p.title for p in read.passages] == ["When do you open?"]


def test_a_passage_that_is_left_out_is_not_published() -> None:
    one = passage("one")
    made = apply([one], {one.id: over(one, removed=True)})
    assert made.passages == ()
    assert made.under == {one.id: one}


names = st.lists(st.sampled_from("abcdef"), unique=True)


@given(names, names)
def test_no_edit_loses_or_doubles_another_passage(there: list[str], edited: list[str]) -> None:
    passages = [passage(name) for name in there]
    edits = {f"shop/faq#{name}": over(passage(name), say="Said.") for name in edited}
    made = apply(passages, edits)
    ids = [p.id.partition("#")[2] for p in made.passages]
    assert ids[: len(there)] == there
    assert sorted(ids) == sorted({*there, *edited})
    assert all((p.say == "Said.") == (p.id in edits) for p in made.passages)


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (Edit(" ", "Yes."), "title"),
        (Edit("?!", "Yes."), "title"),
        (Edit("When?", "  "), "text"),
        (Edit("When?", "x" * 20_001), "text"),
        (Edit("When?", "Yes.", say="word " * 26), "say"),
        (Edit("When?", "Yes.", valid_until="2026-13-01"), "valid_until"),
        (Edit("When?", "Yes.", valid_until="soon"), "valid_until"),
        (Edit("When?", "Yes.", priority=101), "priority"),
    ],
)
def test_what_cannot_be_kept_is_told_by_its_field(edit: Edit, field: str) -> None:
    assert list(problems(edit)) == [field]


def test_the_folder_is_read_with_its_edits(tmp_path: Path) -> None:
    folder = pack(tmp_path)
    (folder / "hours.md").write_text(FILE)
    (one,) = load_packs(tmp_path)
    passage = one.passages[0]
    write_edits(folder, {passage.id: over(passage, say="At ten.")})
    (two,) = load_packs(tmp_path)
    assert two.passages[0].say == "At ten."
    assert two.version != one.version


def test_edits_that_cannot_be_read_are_a_fault_and_nothing_is_published(tmp_path: Path) -> None:
    folder = pack(tmp_path)
    (folder / "hours.md").write_text(FILE)
    (folder / EDITS_FILE).write_text("{")
    with pytest.raises(PackError, match="cannot be read"):
        read_edits(folder)
    reading = read_packs(tmp_path)
    assert reading.packs == ()
    assert EDITS_FILE in reading.faults[0].file
