"""Knowledge gaps: questions of calls that nothing answered, clustered, named and counted."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from sklearn.feature_extraction.text import TfidfVectorizer

from copilot.core.vocabulary import Silence
from copilot.core.words import content, tokens
from copilot.evaluate.corpus import Stored
from copilot.evaluate.labels import Labelled, Use
from copilot.ports import Embedder
from copilot.retrieval.asking import asks, question
from copilot.store.label import Verdict

UNANSWERED = (Silence.NO_EVIDENCE, Silence.WEAK, Silence.EXPIRED)
SEEKING = 50
"""Percent: probability of asking from which words count as a question."""
DISTANCE = 0.5
"""Mean cosine distance up to which questions are one gap: between the best of BANKING77 (0.45) and
of CLINC150 (0.6), on 463 of their questions. At it the purity of clusters, the share of questions
with the most frequent intent of theirs, was .71 on a sample of BANKING77 and .98 on CLINC150: where
all questions are of one trade, three in ten stand with another intent's."""
EMBED_ROWS = 96
MOST = 5000
"""Different questions that are clustered at once; memory grows with their square."""
QUOTES = 3
WORDS = 4


class Unanswered(Struct, frozen=True):
    """One question that nothing answered."""

    call: str
    tick: int
    words: str
    """From where the asking begins."""
    pack: str
    week: str
    """ISO week, as ``2026-W48``; empty where the day of the call is unknown."""
    why: str
    """Silence's reason, ``dismissed``, ``wrong`` or ``missed``."""
    nearest: str
    """Id of the passage that search put first; empty where it found none."""
    title: str
    support: int


class Count(Struct, frozen=True):
    """How often it was asked of a pack in a week."""

    pack: str
    week: str
    count: int


class Gap(Struct, frozen=True):
    """Questions that one more passage would answer."""

    name: str
    """The central question."""
    words: tuple[str, ...]
    """What tells it from the other gaps."""
    count: int
    calls: int
    """Different calls in which it was asked."""
    counts: tuple[Count, ...]
    reasons: dict[str, int]
    quotes: tuple[str, ...]
    """Other ways to ask it, the most central ones."""
    nearest: str
    """The passage that came nearest to the central question."""
    title: str
    support: int


def unanswered(call: Stored) -> Iterator[Unanswered]:
    """The questions of a call that nothing answered; what people judged counts as they say."""
    day = call.day
    for label in call.labelled():
        case, why = label.case, _why(label)
        if not why or not (_judged(label) or asked(label)):
            continue
        pack = case.passage.split("/")[0] if case.passage else _packs(call)
        yield Unanswered(
            call.started.call_id,
            case.tick,
            question(case.query),
            pack,
            _week(day),
            why,
            case.passage,
            case.title,
            case.support,
        )


def gaps(questions: Iterable[Unanswered], embedder: Embedder) -> tuple[Gap, ...]:
    """Clusters of questions, the most asked first; the same for the same questions in any order."""
    rows = sorted(questions, key=lambda row: (row.week, row.call, row.tick))
    texts = sorted(set(list(dict.fromkeys(row.words for row in reversed(rows)))[:MOST]))
    if not texts:
        return ()
    place = {text: i for i, text in enumerate(texts)}
    rows = [row for row in rows if row.words in place]
    vectors = _embed(texts, embedder)
    groups: dict[int, list[Unanswered]] = {}
    clusters = _cluster(vectors)
    for row in rows:
        groups.setdefault(clusters[place[row.words]], []).append(row)
    members = list(groups.values())
    named = _distinguish(members)
    found = [
        _gap(group, words, vectors[[place[row.words] for row in group]])
        for group, words in zip(members, named, strict=True)
    ]
    return tuple(sorted(found, key=lambda gap: (-gap.count, gap.name)))


def _why(label: Labelled) -> str:
    """Why the question counts as unanswered; empty where it does not."""
    case = label.case
    if label.verdict is not None:
        # A passage that would have been right exists: search missed it, the pack has no gap.
        gap = label.verdict in (Verdict.WRONG, Verdict.MISSED) and not label.right
        return label.verdict.value if gap else ""
    if case.silence in UNANSWERED:
        return case.silence.value
    return label.use.value if label.use is Use.DISMISSED else ""


def _judged(label: Labelled) -> bool:
    return label.verdict is not None


def asked(label: Labelled) -> bool:
    """Whether it was a question, not small talk."""
    case = label.case
    return asks(case.query) if case.seeking is None else case.seeking >= SEEKING


def _packs(call: Stored) -> str:
    return " + ".join(sorted(ref.split("@")[0] for ref in call.started.packs)) or "none"


def _week(day: date | None) -> str:
    if day is None:
        return ""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def _embed(texts: Sequence[str], embedder: Embedder) -> NDArray[np.float32]:
    vectors = np.empty((len(texts), embedder.dim), np.float32)
    for start in range(0, len(texts), EMBED_ROWS):
        part = slice(start, start + EMBED_ROWS)
        vectors[part] = embedder.embed(texts[part])
    return vectors


def _cluster(vectors: NDArray[np.float32]) -> list[int]:
    if len(vectors) == 1:
        return [0]
    # Rounded, so that the last bit of a machine's arithmetic decides no merge.
    distances = np.round(1 - np.clip(vectors @ vectors.T, -1, 1), 5)
    found = AgglomerativeClustering(
        n_clusters=None, metric="precomputed", linkage="average", distance_threshold=DISTANCE
    ).fit_predict(distances)
    return [int(cluster) for cluster in found]


def _distinguish(groups: Sequence[Sequence[Unanswered]]) -> list[tuple[str, ...]]:
    """Words that are frequent in a group and rare in the others."""
    documents = [" ".join(row.words for row in group) for group in groups]
    vectorizer = TfidfVectorizer(analyzer=_telling, sublinear_tf=True)
    try:
        weights = vectorizer.fit_transform(documents)
    except ValueError:  # no group says anything
        return [() for _ in groups]
    names = vectorizer.get_feature_names_out()
    found = []
    for row in weights:
        ranked = sorted(zip(-np.round(row.data, 6), names[row.indices], strict=True))
        found.append(tuple(str(name) for _, name in ranked[:WORDS]))
    return found


def _telling(text: str) -> list[str]:
    """The words that carry meaning, as they are said."""
    return [word for word in tokens(text) if content(word)]


def _gap(group: Sequence[Unanswered], words: tuple[str, ...], vectors: NDArray[np.float32]) -> Gap:
    closeness = np.round(vectors @ vectors.mean(axis=0), 5)
    order = sorted(range(len(group)), key=lambda i: (-closeness[i], group[i].words))
    ordered = [group[i] for i in order]
    centre = ordered[0]
    others = [text for text in dict.fromkeys(row.words for row in ordered) if text != centre.words]
    counts = Counter((row.pack, row.week) for row in group)
    return Gap(
        centre.words,
        words,
        len(group),
        len({row.call for row in group}),
        tuple(Count(pack, week, count) for (pack, week), count in sorted(counts.items())),
        dict(sorted(Counter(row.why for row in group).items())),
        tuple(others[:QUOTES]),
        centre.nearest,
        centre.title,
        centre.support,
    )
