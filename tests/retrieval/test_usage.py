"""What was right before leans the order; what tells nothing on held-out labels is not kept."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.core.vocabulary import Passage
from copilot.errors import LearnError
from copilot.retrieval.usage import ENTITIES, Usage, counted, leaning, leanings, load, tells

COUNTS = st.lists(st.integers(0, 1000), min_size=1, max_size=40)


def rooms(count: int) -> list[Passage]:
    """Two passages an entity."""
    return [
        Passage(f"p/{n}#{what}", what, what, "", 0, f"House {n}")
        for n in range(count)
        for what in ("wifi", "pets")
    ]


@given(COUNTS)
def test_more_use_leans_more_and_none_leans_nowhere(counts: list[int]) -> None:
    leans = leaning(np.array(counts))
    order = np.argsort(counts, kind="stable")
    assert (np.diff(leans[order]) >= 0).all()
    assert not leaning(np.zeros(len(counts), np.int64)).any()


def test_a_passage_leans_with_its_entity() -> None:
    known = leanings([(rooms(3), counted(["p/1#wifi", "p/1#wifi", "p/1#pets"]))])
    wifi, pets = known.passage[2:4]
    assert wifi > pets > known.passage[0]
    assert known.entity[2] == known.entity[3] > 0 > known.entity[0]
    assert list(known.usual) == [2, 3]


def test_a_pack_without_use_stays_even_beside_one_with_use() -> None:
    used = [Passage("q/a#x", "x", "x", "", 0, "Inn"), Passage("q/a#y", "y", "y", "", 0)]
    known = leanings([(rooms(2), None), (used, counted(["q/a#x"]))])
    assert not known.passage[:4].any()
    assert not known.entity[:4].any()
    assert known.entity[5] == 0  # of no entity
    assert list(known.usual) == [4]


def test_only_so_many_entities_are_put_forward() -> None:
    passages = rooms(ENTITIES + 5)
    right = [p.id for p in passages[10:]] + [p.id for p in passages[:10]] * 2
    known = leanings([(passages, counted(right))])
    assert {*range(10)} <= set(known.usual)
    assert len(known.usual) == 2 * ENTITIES


def test_ids_that_the_pack_does_not_have_count_for_nothing() -> None:
    assert not leanings([(rooms(2), counted(["gone/x#y"]))]).passage.any()


@pytest.mark.parametrize(("popular", "kept"), [(40, True), (0, False)])
def test_it_is_kept_only_if_held_out_labels_speak_for_it(popular: int, kept: bool) -> None:
    passages = rooms(20)
    right = np.array([*range(40), *[6, 7] * (popular // 2)])
    folds = np.arange(len(right)) % 5
    assert tells(right, folds, passages) is kept


def test_it_is_read_as_it_was_written_and_damage_is_told(tmp_path: Path) -> None:
    file = tmp_path / "usage.json"
    usage = Usage({"p/1#wifi": 3})
    usage.save(file)
    assert load(file) == usage
    for content in (b"", b'{"counts": {"a": "many"}}'):
        file.write_bytes(content)
        with pytest.raises(LearnError, match="learn again"):
            load(file)
