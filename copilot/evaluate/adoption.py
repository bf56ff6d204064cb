"""Whether an agent will take a line that is shown, from the talk before: features, and a model.

Boosted trees, because what matters comes in pairs (a lookup's answer that no line fits; a line that
fits but was said): a logistic regression on the same features gave .63 where they give .70 on
trades never seen. Without the agent's own words so far they give .68; without the lines .70.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from copilot.evaluate.scripts import Moment
from copilot.ports import Vectors

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

CUSTOMER_PARTS, OTHER_PARTS = 24, 12
"""Principal components of what was said that are kept."""
SAMPLE = 3
"""One moment in so many teaches the components."""
TREES, DEPTH, RATE = 120, 4, 0.06
_QUESTION = re.compile(
    r"\s*(what|where|when|who|how|why|which|can|could|do|does|is|are|will|would)\b", re.IGNORECASE
)


class Traits(NamedTuple):
    """What is counted of a moment."""

    turn: int
    """Times the agent spoke before."""
    own: int
    """Of those in own words."""
    own_share: float
    """The same as a share, drawn to 15 % while there is little to go by."""
    own_last: int
    """Of the last one."""
    own_last_two: int
    own_last_four: int
    lookups: int
    same_lookups: int
    """Lookups so far like the last one."""
    answered: bool
    """A lookup has answered since the customer spoke."""
    answer_length: int
    answer_fields: int
    answer_messages: bool
    customer_turns: int
    words: int
    """Of the customer's last turn."""
    letters: int
    sentences: int
    question_marks: int
    asks: bool
    """It begins as a question does."""
    digits: bool
    thanks: bool
    bye: bool
    repeated: float
    """Likeness of the customer's last turn and an earlier one."""
    follows: float
    """Likeness of the customer's last turn and what the agent said before it."""
    followed: float
    """Likeness of what the agent said and the customer's turn before the last."""
    settles: float
    """Likeness of the customer's last turn and the lookup's answer."""
    heard_s: int
    reply_s: int
    """How long the customer last took to answer."""
    replies_s: float
    """The mean of that."""
    lines: int
    """Lines that could be shown."""
    taken: int
    """Lines taken so far."""
    taken_twice: int
    """Different lines taken more than once."""
    turn_fits: float
    """Likeness of the customer's last turn and the line most like it."""
    turn_fits_second: float
    answer_fits: float
    """Likeness of the lookup's answer and the line most like it."""
    answer_fits_second: float


class Seen(NamedTuple):
    """Moments as numbers."""

    traits: Floats
    customer: Vectors
    """The customer's last turn."""
    agent: Vectors
    """The agent's last words."""
    found: Vectors
    """The lookup's answer; zeros where there is none, as above."""


def see(moments: Sequence[Moment], vectors: Mapping[str, Vectors]) -> Seen:
    """Moments by the vectors of all their texts; an empty text's are zeros."""
    customer = [vectors[moment.customer[-1] if moment.customer else ""] for moment in moments]
    return Seen(
        np.array([traits(moment, vectors) for moment in moments], np.float64),
        np.stack(customer),
        np.stack([vectors[moment.agent] for moment in moments]),
        np.stack([vectors[moment.found] for moment in moments]),
    )


def traits(moment: Moment, vectors: Mapping[str, Vectors]) -> Traits:
    text = moment.customer[-1] if moment.customer else ""
    turn, agent, found = vectors[text], vectors[moment.agent], vectors[moment.found]
    before = [float(turn @ vectors[earlier]) for earlier in moment.customer[:-1]]
    lines = np.stack([vectors[line.text] for line in moment.lines])
    best_turn, second_turn = _best_two(lines @ turn)
    best_found, second_found = _best_two(lines @ found)
    wrote, replies = moment.wrote, moment.replies_s
    previous = vectors[moment.customer[-2]] if len(moment.customer) > 1 else np.zeros_like(turn)
    lower = text.lower()
    return Traits(
        turn=len(wrote),
        own=sum(wrote),
        own_share=(sum(wrote) + 0.3) / (len(wrote) + 2),
        own_last=sum(wrote[-1:]),
        own_last_two=sum(wrote[-2:]),
        own_last_four=sum(wrote[-4:]),
        lookups=len(moment.apis),
        same_lookups=moment.apis.count(moment.apis[-1]) if moment.apis else 0,
        answered=bool(moment.found),
        answer_length=len(moment.found),
        answer_fields=moment.fields if moment.found else 0,
        answer_messages=bool(moment.found) and moment.messages,
        customer_turns=len(moment.customer),
        words=len(text.split()),
        letters=len(text),
        sentences=text.count(".") + text.count("!"),
        question_marks=text.count("?"),
        asks=bool(_QUESTION.match(text)),
        digits=any(letter.isdigit() for letter in text),
        thanks="thank" in lower,
        bye="bye" in lower,
        repeated=max(before, default=0.0),
        follows=float(turn @ agent),
        followed=float(previous @ agent),
        settles=float(turn @ found),
        heard_s=moment.heard_s,
        reply_s=replies[-1] if replies else 0,
        replies_s=sum(replies) / len(replies) if replies else 0.0,
        lines=len(lines),
        taken=len(moment.taken),
        taken_twice=sum(count > 1 for count in Counter(moment.taken).values()),
        turn_fits=best_turn,
        turn_fits_second=second_turn,
        answer_fits=best_found,
        answer_fits_second=second_found,
    )


def own_words(seen: Seen, own: NDArray[np.bool_], learn: Rows, ask: Rows) -> Floats:
    """Learn from the rows `learn`; how likely own words are at the rows `ask`."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingClassifier

    columns = [seen.traits]
    spoken = ((seen.customer, CUSTOMER_PARTS), (seen.found, OTHER_PARTS), (seen.agent, OTHER_PARTS))
    for vectors, parts in spoken:
        there = learn[np.linalg.norm(vectors[learn], axis=1) > 0][::SAMPLE]
        shrunk = PCA(min(parts, len(there)), random_state=0).fit(vectors[there]).transform(vectors)
        shrunk[np.linalg.norm(vectors, axis=1) == 0] = 0
        columns.append(shrunk)
    features = np.hstack(columns)
    model = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_depth=DEPTH,
        learning_rate=RATE,
        l2_regularization=20,
        min_samples_leaf=100,
        early_stopping=False,
        random_state=0,
    )
    model.fit(features[learn], own[learn])
    chances: Floats = model.predict_proba(features[ask])[:, 1]
    return chances


def _best_two(likes: Vectors) -> tuple[float, float]:
    ordered = np.sort(likes)
    return float(ordered[-1]), float(ordered[-min(2, len(ordered))])
