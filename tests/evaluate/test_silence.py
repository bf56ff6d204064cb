"""Replay of timed words as calls, and the burden that is read off it."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from copilot.core.call import run
from copilot.core.events import CallEnded, CallStarted
from copilot.core.policy import Policy
from copilot.core.vocabulary import Silence
from copilot.errors import DataError
from copilot.evaluate.background import Talk, heard, read_talks, windows
from copilot.evaluate.memo import Memo
from copilot.evaluate.moments import as_pack
from copilot.evaluate.silence import Quiet, burden, listen
from copilot.evaluate.tables import searching
from copilot.ports import Embedder
from copilot.retrieval.hybrid import HybridRetriever
from copilot.trained import trained_for
from tests.retrieval.test_focus import passages

BUSINESS = (
    "good morning and welcome to the third quarter conference call our revenue grew by six percent"
    " to four hundred million and the margin of the industrial segment improved in europe"
).split()
QUESTION = "is there wifi at juniper court".split()


def talk(words: list[str], start: float = 1.0) -> Talk:
    asr = [(word, "1", start + 0.4 * n, start + 0.4 * n + 0.3) for n, word in enumerate(words)]
    return Talk("t", start + 0.4 * len(words) + 3, asr)


@pytest.fixture(scope="module")
def retriever(embedder: Embedder) -> Iterator[HybridRetriever]:
    memo, model = Memo(embedder), trained_for(embedder.name)
    with searching([as_pack("b", passages())], memo, model, lambda *_: None) as made:
        yield made


def play(retriever: HybridRetriever, *talks: Talk) -> Quiet:
    model = trained_for("all-MiniLM-L6-v2-53aa5117")
    assert model is not None
    return listen(talks, retriever, Policy(), model.need, lambda *_: None)


def test_other_peoples_business_brings_silence_with_a_reason(retriever: HybridRetriever) -> None:
    found = play(retriever, talk(BUSINESS))
    assert found.whispers == ()
    assert sum(found.silences.values()) > 0
    assert found.searches > 1


def test_a_real_question_in_it_is_noticed(retriever: HybridRetriever) -> None:
    """The measure could find something: it is not silence by construction."""
    found = play(retriever, talk(QUESTION))
    assert [whisper.title for whisper in found.whispers] == ["Juniper Court: Is there wifi?"]
    assert found.per_hour == pytest.approx(1 / found.hours)


def test_words_are_heard_in_the_ticks_in_which_they_end() -> None:
    entries = run([CallStarted("t", Policy()), *heard(talk(QUESTION)), CallEnded("hang_up")])
    words = [
        word.text
        for entry in entries
        if (hearing := getattr(entry.event, "customer", None)) is not None
        for word in hearing.words
    ]
    assert words == QUESTION


def test_the_burden_falls_as_more_is_asked_for() -> None:
    quiet = Quiet(10.0, (), {Silence.WEAK: 3}, 9, heights=(5, 20, 60, 60, 90))
    table = burden(quiet)
    percents, costs = zip(*table, strict=True)
    assert list(percents) == sorted(set(percents))
    assert list(costs) == sorted(set(costs), reverse=True)
    assert costs[0] > 50, "five inquiries in ten hours, bounded from above"
    assert costs[-1] >= 23, "none seen in ten hours may still be 0.23 an hour"


def test_windows_cut_without_a_rest() -> None:
    assert windows(talk(BUSINESS), 6)[0] == " ".join(BUSINESS[:6])


def test_a_folder_without_calls_or_with_a_broken_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no call"):
        read_talks(tmp_path)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(msgspec.json.encode({"id": "a"})))
    with pytest.raises(DataError, match=r"a.json.gz: not a call of timed words"):
        read_talks(tmp_path)
    (tmp_path / "a.json.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"a.json.gz: cannot be read"):
        read_talks(tmp_path)
