"""Published versions and their history: durable, whole lines only, and what a history says."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.core.vocabulary import Passage
from copilot.errors import PackError
from copilot.retrieval.packs import Pack
from copilot.retrieval.published import (
    HISTORY,
    Publication,
    Published,
    What,
    current,
    due,
    standing,
    versions,
)

PACK = Pack("shop", "A shop", "", "en", "0badcafe", (Passage("shop/a#b", "B?", "B.", "", 0),))


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path / "packs")


def add(published: Published, version: str, what: What = What.PUBLISHED) -> None:
    with published.changing("shop") as change:
        change.add(what, version, 1)


def test_nothing_yet(published: Published) -> None:
    assert published.names() == []
    assert published.history("shop") == ()
    assert current(()) is None
    assert published.state() == ()


def test_a_version_comes_back_as_it_was(published: Published) -> None:
    published.keep(PACK)
    assert published.names() == [], "stored is not published"
    assert published.load("shop", PACK.version) == PACK
    renamed = msgspec.structs.replace(PACK, title="The shop")
    published.keep(renamed)
    assert published.load("shop", PACK.version) == renamed


def test_a_version_that_is_missing_or_damaged(published: Published, tmp_path: Path) -> None:
    published.keep(PACK)
    (tmp_path / "packs" / "shop" / f"{PACK.version}.json").write_bytes(b'{"name":')
    for version in (PACK.version, "00000000"):
        with pytest.raises(PackError, match=rf"{version}\.json: .* `copilot packs publish shop`"):
            published.load("shop", version)


def test_each_line_is_seen_by_others_and_changes_the_state(published: Published) -> None:
    states = {published.state()}
    for version in "ab":
        add(published, version)
        states.add(published.state())
    assert len(states) == 3
    assert [line.version for line in published.history("shop")] == ["a", "b"]
    assert published.names() == ["shop"]


def test_a_line_that_a_crash_cut_never_counts(published: Published, tmp_path: Path) -> None:
    add(published, "a")
    file = tmp_path / "packs" / "shop" / HISTORY
    whole = file.read_bytes()
    for cut in range(1, len(whole)):
        file.write_bytes(whole + whole.replace(b'"a"', b'"b"')[:cut][: len(whole) - 1])
        assert current(published.history("shop")) == "a"
    add(published, "c")
    assert [line.version for line in published.history("shop")] == ["a", "c"]


def test_a_history_that_is_none(published: Published, tmp_path: Path) -> None:
    add(published, "a")
    (tmp_path / "packs" / "shop" / HISTORY).write_bytes(b"garbage\n")
    with pytest.raises(PackError, match=r"history\.jsonl: not a history"):
        published.history("shop")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "packs").write_text("a file")
    with pytest.raises(PackError, match="cannot be written"):
        Published(tmp_path / "packs").keep(PACK)
    with pytest.raises(PackError, match="cannot be written"):
        add(Published(tmp_path / "packs"), "a")


def test_attended_while_a_service_runs(published: Published) -> None:
    assert not published.attended()
    with published.attend():
        assert published.attended()
        with published.attend():
            assert published.attended()
    assert not published.attended()


# ---- what a history says -----------------------------------------------------------------------


def told(*lines: str) -> tuple[Publication, ...]:
    """``a`` publishes, ``<a`` rolls back to it, ``x`` retires."""
    kinds = {"<": What.ROLLED_BACK, "x": What.RETIRED}
    return tuple(
        Publication("", kinds.get(line[0], What.PUBLISHED), line.strip("<x")) for line in lines
    )


@pytest.mark.parametrize(
    ("lines", "stands"),
    [
        ("a", "a"),
        ("a b c", "abc"),
        ("a b <a", "a"),
        ("a b c <a d", "ad"),
        ("a b a", "ba"),
        ("a b <a <b", "ab"),
        ("a b <a b", "ab"),
        ("a b x", ""),
        ("a b x <a", "a"),
        ("a x b", "b"),
    ],
)
def test_what_stands(lines: str, stands: str) -> None:
    assert "".join(standing(told(*lines.split()))) == stands


@pytest.mark.parametrize(
    ("lines", "draft", "goes"),
    [
        ("", "a", True),
        ("a", "a", False),
        ("a", "b", True),
        ("a b", "a", True),  # the folder was put back by its author
        ("a b <a", "b", False),
        ("a b <a", "c", True),
        ("a b c <a", "b", False),
        ("a b <a b <a", "b", False),
        ("a x", "a", False),
        ("a x", "b", True),
    ],
)
def test_which_drafts_are_due(lines: str, draft: str, goes: bool) -> None:
    assert due(told(*lines.split()), draft) is goes


@given(st.lists(st.sampled_from(["a", "b", "c", "<a", "<b", "<c", "x"]), max_size=12))
def test_laws(lines: list[str]) -> None:
    history = told(*lines)
    stack = standing(history)
    assert len(set(stack)) == len(stack)
    assert set(stack) <= set(versions(history))
    assert current(history) == ((history[-1].version or None) if history else None)
    for version in versions(history):
        taken_back = version not in stack
        assert due(history, version) is not (taken_back or version == current(history))
