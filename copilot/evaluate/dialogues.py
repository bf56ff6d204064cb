"""Timed dialogues, and the moments in their gaps: how soon the customer spoke again.

Public: the calls of ``earnings21``, each of the three who speak most in turn taken for the
customer and everybody else for the agent; the two-channel call of ``call_audio``, for its times
only. Synthetic: the talk of ``turns/dstc11_val`` with times drawn from distributions.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from copilot.core.events import Heard
from copilot.core.floor import Floor, advance
from copilot.core.gap import FEATURES, Gap, look
from copilot.core.policy import Policy
from copilot.core.transcript import Transcript, hear
from copilot.core.vocabulary import TICKS_PER_SECOND, Hearing, Party, Word
from copilot.errors import DataError
from copilot.evaluate.background import read_talks
from copilot.evaluate.moments import read_corpus

HORIZONS = (6, 12, 18, 25, 37, 50)
"""Ticks: half a second to four seconds, the lengths of whispers."""
QUIET_TICKS = 3
"""From so much silence of both a moment is in a gap: no whisper begins sooner."""
EVERY = 3
"""Each how many ticks of a gap a moment is taken."""
TOGETHER_TICKS = 750
"""Both must have spoken within the last minute: a talk, not a lecture."""
SPEAKERS, FEW_WORDS = 3, 150
SPEECH = 95
UNHEARD = "words of which nothing is known"
"""Stands for the words of a stretch of sound."""
SYNTHETIC = 700
"""Dialogues: about as many moments as the public calls have."""
_POLICY = Policy()


class Timed(Struct, frozen=True):
    """A dialogue's words with their times, seconds; a stretch may stand for several."""

    name: str
    talk: str
    """The recording or conversation that it is a reading of."""
    words: dict[Party, list[tuple[str, float, float]]]

    @property
    def seconds(self) -> float:
        return max(end for said in self.words.values() for _, _, end in said)


class Moments(Struct, frozen=True):
    """Gaps looked at tick by tick."""

    features: NDArray[np.int64]
    """``[n, len(FEATURES)]``."""
    started: NDArray[np.bool_]
    """``[n, len(HORIZONS)]``: whether the customer began to speak within each."""
    dialogue: NDArray[np.int64]
    """``[n]``: the number of the talk; readings of one talk share it."""


def earnings(folder: Path) -> list[Timed]:
    """The calls of a folder like earnings21, by who is taken for the customer."""
    found = []
    for talk in read_talks(folder):
        counts = Counter(speaker for _, speaker, _, _ in talk.asr)
        for speaker, count in counts.most_common(SPEAKERS):
            if count < FEW_WORDS:
                continue
            words: dict[Party, list[tuple[str, float, float]]] = {party: [] for party in Party}
            for text, who, start, end in talk.asr:
                party = Party.CUSTOMER if who == speaker else Party.AGENT
                words[party].append((text, start, end))
            found.append(Timed(f"{talk.id}:{speaker}", talk.id, words))
    return found


class _Recording(Struct):
    file: str
    channels: int = 1
    energy_segments: list[tuple[int, float, float]] = []


def two_channel(folder: Path) -> list[Timed]:
    """The recordings with a channel for each party, the caller first; their times, no words."""
    file = folder / "manifest.json"
    try:
        rows = msgspec.json.decode(file.read_bytes(), type=list[_Recording])
    except (OSError, msgspec.DecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error})") from None
    return [
        Timed(
            row.file,
            row.file,
            {
                party: [
                    (UNHEARD, start, end) for on, start, end in row.energy_segments if on == channel
                ]
                for channel, party in enumerate((Party.CUSTOMER, Party.AGENT))
            },
        )
        for row in rows
        if row.channels == 2
    ]


def synthetic(data: Path, count: int = SYNTHETIC, seed: int = 8) -> list[Timed]:
    """Service talk with times: pauses where speakers hesitate, gaps where agents look things up.

    Floor transfers are about normal with a mean of 0.2 s (Heldner and Edlund, Pauses, gaps and
    overlaps in conversations, 2010); pauses and look-ups are log-normal, their medians a guess.
    """
    dice = random.Random(seed)
    corpus = read_corpus(data / "turns" / "dstc11_val")
    chosen = dice.sample(sorted(corpus.moments, key=lambda one: one.id), count)
    return [_time(one.id, [(t.party, t.text) for t in one.turns], dice) for one in chosen]


def _time(name: str, turns: Sequence[tuple[Party, str]], dice: random.Random) -> Timed:
    words: dict[Party, list[tuple[str, float, float]]] = {party: [] for party in Party}
    at = 1.0
    for place, (party, text) in enumerate(turns):
        pace = dice.uniform(0.25, 0.4)
        for word in text.split():
            end = at + pace * (0.5 + len(word) / 9)
            words[party].append((word, at, end))
            at = end + _pause(word, dice)
        if place + 1 < len(turns) and turns[place + 1][0] is party:
            at += dice.lognormvariate(math.log(0.9), 0.5)
        elif party is Party.CUSTOMER and text.rstrip().endswith("?"):
            at = _look_up(words[Party.AGENT], at, dice)
        else:
            at += max(0.0, dice.gauss(0.2, 0.4))
    return Timed(name, name, words)


def _pause(word: str, dice: random.Random) -> float:
    """After a word: often none, more often where a clause ends."""
    ends = word[-1] in ".,;:!?"
    if dice.random() > (0.35 if ends else 0.04):
        return 0.0
    return dice.lognormvariate(math.log(0.55), 0.5)


def _look_up(agent: list[tuple[str, float, float]], at: float, dice: random.Random) -> float:
    """The agent's silence before an answer, in half of the cases with a word first."""
    if dice.random() < 0.5:
        return at + dice.lognormvariate(math.log(1.8), 0.6)
    at += max(0.1, dice.gauss(0.4, 0.3))
    for word in dice.choice(("one moment please", "let me check that", "just a second")).split():
        agent.append((word, at, at + 0.3))
        at += 0.3
    return at + dice.lognormvariate(math.log(4.0), 0.5)


def moments(dialogues: Sequence[Timed]) -> Moments:
    """The gaps of all dialogues as the core sees them."""
    rows: list[list[int]] = []
    outcomes: list[list[bool]] = []
    numbers: list[int] = []
    talks = {name: n for n, name in enumerate(dict.fromkeys(one.talk for one in dialogues))}
    for dialogue in dialogues:
        number = talks[dialogue.talk]
        for gap, wait in _gaps(dialogue):
            rows.append([gap.value(name) for name in FEATURES])
            outcomes.append([wait <= horizon for horizon in HORIZONS])
            numbers.append(number)
    return Moments(
        np.array(rows, np.int64).reshape(-1, len(FEATURES)),
        np.array(outcomes, np.bool_).reshape(-1, len(HORIZONS)),
        np.array(numbers, np.int64),
    )


def _gaps(dialogue: Timed) -> Iterator[tuple[Gap, float]]:
    """Each moment of a gap with the ticks until the customer speaks again; cut off by the end."""
    floor, transcript = Floor(), Transcript()
    open_: list[tuple[int, Gap]] = []
    last = 0
    for heard in _heard(dialogue):
        floor, _ = advance(floor, heard, _POLICY)
        transcript = hear(transcript, heard.agent, heard.customer)
        tick = last = heard.tick
        if floor.customer.speaking and open_:
            yield from ((gap, floor.customer.start - at) for at, gap in open_)
            open_ = []
        silent = floor.agent.silent_for(tick), floor.customer.silent_for(tick)
        if min(silent) >= QUIET_TICKS and max(silent) <= TOGETHER_TICKS and not tick % EVERY:
            open_.append((tick, look(floor, transcript, tick)))
    whole = (one for one in open_ if last - one[0] >= HORIZONS[-1])
    yield from ((gap, math.inf) for _, gap in whole)


def _heard(dialogue: Timed) -> Iterator[Heard]:
    """Tick by tick; a word is final as it ends."""
    voices = {party: _Voice(dialogue.words[party]) for party in Party}
    for tick in range(1, int(dialogue.seconds * TICKS_PER_SECOND) + 1):
        yield Heard(tick, voices[Party.AGENT].hear(tick), voices[Party.CUSTOMER].hear(tick))


class _Voice:
    """One party of a dialogue."""

    def __init__(self, words: Sequence[tuple[str, float, float]]) -> None:
        self._speech: set[int] = set()
        self._ending: dict[int, list[Word]] = {}
        for text, start, end in words:
            first = int(start * TICKS_PER_SECOND)
            after = max(first + 1, round(end * TICKS_PER_SECOND))
            self._speech.update(range(first, after))
            self._ending.setdefault(after - 1, []).append(Word(text, first, after))

    def hear(self, tick: int) -> Hearing:
        words = tuple(self._ending.get(tick, ()))
        return Hearing(SPEECH if tick in self._speech else 0, words=words)
