"""Versions of what was learned: kept whole, used, gone back from, refused when damaged."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from copilot.errors import LearnError
from copilot.retrieval.adapter import Adapter, Lesson, Quality
from copilot.retrieval.learned import NOTHING, SCOPE, Learned, forget_calls
from copilot.retrieval.scope import About, Scope
from copilot.retrieval.scoping import Examples, learn

from .geometry import DIM, points

EMBEDDER = "points"
FEW = Quality(0.5, 0.8, 0.6)


def adapter(seed: int) -> Adapter:
    lesson = Lesson("parcel", EMBEDDER, "2026-10-05T00:00:00+00:00", None, 40, 2, 5, FEW, FEW)
    return Adapter(points(DIM, seed) * 0.1, lesson)


@pytest.fixture(scope="module")
def scope() -> Scope:
    centres = points(12, 0)
    vectors = np.repeat(centres, 6, axis=0) + 0.4 * points(72, 1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries = [f"word{n // 6} again {n % 6}" for n in range(72)]
    made = learn(Examples(queries, vectors.astype(np.float32), np.repeat(np.arange(12), 6)))
    names = tuple(f"p/a#{n}" for n in range(12))
    about = About("parcel", EMBEDDER, "2026-10-05T00:00:00+00:00", names, 72, 0, made.skill)
    return Scope(made.kernel, made.likelihood, made.weights, about)


def test_without_a_version_nothing_is_used(tmp_path: Path) -> None:
    learned = Learned(tmp_path, "parcel")
    assert (learned.current(), learned.versions()) == (NOTHING, [])
    assert learned.adapter(EMBEDDER) is None
    assert learned.scope(EMBEDDER) is None
    with pytest.raises(LearnError, match="nothing to go back to"):
        learned.back()


def test_a_version_is_used_as_it_was_kept(tmp_path: Path, scope: Scope) -> None:
    queries = points(9, 2)
    kept = adapter(1)
    Learned(tmp_path, "parcel").keep(kept, scope, None, 72)
    again = Learned(tmp_path, "parcel")
    used, judge = again.adapter(EMBEDDER), again.scope(EMBEDDER)
    assert used is not None
    assert judge is not None
    assert used.lesson == kept.lesson
    assert np.array_equal(used.apply(queries), kept.apply(queries))
    words = [f"word{n} please" for n in range(9)]
    assert np.array_equal(judge.judge(queries, words), scope.judge(queries, words))
    assert judge.about == scope.about


def test_going_back_uses_the_parent_and_a_new_version_takes_a_new_number(tmp_path: Path) -> None:
    learned = Learned(tmp_path, "parcel")
    query = points(1, 2)[0]
    first, second = adapter(1), adapter(2)
    learned.keep(first, None, None, 40)
    learned.keep(second, None, None, 50)
    assert learned.back() == 1
    used = learned.adapter(EMBEDDER)
    assert used is not None
    assert np.array_equal(used.apply(query), first.apply(query))
    third = learned.keep(adapter(3), None, None, 60)
    assert (third.number, third.parent) == (3, 1)
    assert [learned.back(), learned.back()] == [1, NOTHING]
    assert learned.adapter(EMBEDDER) is None


def test_what_was_learned_from_a_call_is_forgotten_with_it(tmp_path: Path, scope: Scope) -> None:
    """Whoever comes after it, too: its parts may be the forebear's. No other pack suffers."""
    learned, other = Learned(tmp_path, "parcel"), Learned(tmp_path, "other")
    other.keep(adapter(1), None, None, 40, ["c9"])
    learned.keep(adapter(1), None, None, 40, ["c1"])
    learned.keep(None, scope, None, 50, ["c1", "c2"])
    learned.keep(adapter(3), None, None, 60)
    assert b"word0" in b"".join(one.read_bytes() for one in tmp_path.rglob("*.safetensors"))
    assert forget_calls(tmp_path, ["c3"]) == []
    assert forget_calls(tmp_path, ["c2", "c3"]) == ["parcel"]
    assert [one.number for one in learned.versions()] == [learned.current()] == [1]
    assert b"word0" not in b"".join(one.read_bytes() for one in tmp_path.rglob("*.safetensors"))
    assert forget_calls(tmp_path, ["c1"]) == ["parcel"]
    assert (learned.versions(), learned.current()) == ([], NOTHING)
    assert other.current() == 1


def test_a_version_of_before_may_be_of_any_call(tmp_path: Path) -> None:
    learned = Learned(tmp_path, "parcel")
    learned.keep(adapter(1), None, None, 40)
    note = tmp_path / "learned" / "parcel" / "0001" / "version.json"
    known = msgspec.json.decode(note.read_bytes())
    del known["calls"]
    note.write_bytes(msgspec.json.encode(known))
    assert learned.keep(adapter(2), None, None, 40, ["c1"]).calls is None
    assert forget_calls(tmp_path, ["c7"]) == ["parcel"]
    assert learned.current() == NOTHING


def test_what_is_not_learned_anew_stays(tmp_path: Path, scope: Scope) -> None:
    learned = Learned(tmp_path, "parcel")
    learned.keep(None, scope, None, 40)
    version = learned.keep(adapter(1), None, None, 50)
    assert version.parts == ("adapter",)
    assert learned.scope(EMBEDDER) is not None
    learned.back()
    assert learned.adapter(EMBEDDER) is None
    assert learned.scope(EMBEDDER) is not None


def test_vectors_of_another_embedder_are_never_mapped(tmp_path: Path, scope: Scope) -> None:
    learned = Learned(tmp_path, "parcel")
    learned.keep(adapter(1), scope, None, 40)
    for use in (learned.adapter, learned.scope):
        with pytest.raises(LearnError, match="was learned for the embedder points, not bigger"):
            use("bigger")


@pytest.mark.parametrize("name", ["adapter.safetensors", SCOPE])
def test_a_damaged_file_is_told(tmp_path: Path, scope: Scope, name: str) -> None:
    learned = Learned(tmp_path, "parcel")
    learned.keep(adapter(1), scope, None, 40)
    file = tmp_path / "learned" / "parcel" / "0001" / name
    use = learned.scope if name == SCOPE else learned.adapter
    whole = file.read_bytes()
    other = file.with_name(SCOPE if name != SCOPE else "adapter.safetensors").read_bytes()
    for content in (whole[:100], b"", other):
        file.write_bytes(content)
        with pytest.raises(LearnError, match="learn again"):
            use(EMBEDDER)


def test_a_version_that_is_gone_is_told(tmp_path: Path) -> None:
    learned = Learned(tmp_path, "parcel")
    learned.keep(adapter(1), None, None, 40)
    (tmp_path / "learned" / "parcel" / "current").write_text("7\n")
    with pytest.raises(LearnError, match="names version 7, which is gone"):
        learned.current()
