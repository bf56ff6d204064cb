"""How long a gap will last: the chance that the customer speaks again within so many ticks.

A small integer model, as that of need: for each horizon a logistic regression over a few features
of the floor and the last words, calibrated by isotonic regression; fitted by ``copilot train gap``,
it travels in the log with `CallStarted`.
"""

from itertools import pairwise

from msgspec import Struct

from copilot.core.floor import Floor, Speech
from copilot.core.need import calibrated
from copilot.core.transcript import Transcript
from copilot.core.vocabulary import GapModel, Party
from copilot.core.words import tokens

_SHORT, _LONG = 8, 38
"""Where the pieces of a silence meet, ticks: the end of a turn, three seconds."""
_LONGEST = 188
"""A silence longer than 15 s is as good as one of 15 s."""
_SINCE, _MINUTE = 375, 750
_TURN = 125
"""A turn of 10 s or more is a long one."""
_HANGING = frozenset(
    "a an the my your his her our their this that these those of to for from with in on at by as "
    "and or but because so if when while which who whose than is are was were am be been can could "
    "would should will may might must do does did have has had i you he she we they it's i'm not "
    "um uh er erm like then about into between very really just two three four five six".split()
)
"""Words after which English goes on: who stops there has not finished."""
_ASKING = frozenset(
    "what where when why who whose which how can could would should will may do does did is are "
    "was were have has am isn't aren't don't doesn't".split()
)
_PATIENCE = frozenset("moment second minute hold bear wait check look see find".split())
"""Words of an agent who is going to be silent for a while."""


class Gap(Struct, frozen=True):
    """What the model may look at: silences in ticks and in three pieces, the rest 0 or 100."""

    customer_last: int
    """Whether the customer spoke last."""
    short: int
    """Ticks since anyone spoke, the first 8."""
    middle: int
    """Those after them, to 3 s."""
    long: int
    """Those after that, to 15 s."""
    customer_short: int
    """The same pieces where the customer spoke last; else 0."""
    customer_middle: int
    customer_long: int
    turn: int
    """Ticks of the last stretch of speech, at most 10 s, where it was the customer's."""
    agent_turn: int
    """The same of the agent's."""
    hanging: int
    """Whether the customer's last word asks for more."""
    asked: int
    """Whether the customer's last line begins as a question and does not hang."""
    brief: int
    """Whether the customer's last line is of three words or fewer."""
    patience: int
    """Whether the agent has just asked for patience."""
    since_customer: int
    """Ticks since the customer spoke, at most 30 s."""
    since_agent: int
    """Ticks since the agent spoke, at most 30 s."""
    lively: int
    """How often the floor changed hands in the last minute, 10 each, at most 100."""
    customer_lively: int
    """The same where the customer spoke last; else 0."""
    asked_lively: int
    """The same where the customer has just asked; else 0."""

    def value(self, name: str) -> int:
        """The feature of this name; raises AttributeError for one that is none."""
        return int(getattr(self, name))


FEATURES = Gap.__struct_fields__


def look(floor: Floor, transcript: Transcript, tick: int) -> Gap:
    """The gap as it is now; means something only while both are silent."""
    customer_last = floor.customer.end >= floor.agent.end
    last = floor.customer if customer_last else floor.agent
    pieces = _pieces(last.silent_for(tick))
    said = _last_words(transcript, Party.CUSTOMER)
    promised = _last_words(transcript, Party.AGENT)
    hanging = _hangs(said)
    mine = int(customer_last)
    asked = mine * (not hanging and bool(_ASKING.intersection(said[:8])))
    lively = _lively(transcript, tick)
    return Gap(
        customer_last=100 * mine,
        short=pieces[0],
        middle=pieces[1],
        long=pieces[2],
        customer_short=mine * pieces[0],
        customer_middle=mine * pieces[1],
        customer_long=mine * pieces[2],
        turn=mine * _length(last),
        agent_turn=(1 - mine) * _length(last),
        hanging=100 * mine * hanging,
        asked=100 * asked,
        brief=100 * mine * (len(said) <= 3),
        patience=100 * (1 - mine) * bool(_PATIENCE.intersection(promised[-8:])),
        since_customer=min(floor.customer.silent_for(tick), _SINCE),
        since_agent=min(floor.agent.silent_for(tick), _SINCE),
        lively=lively,
        customer_lively=mine * lively,
        asked_lively=asked * lively,
    )


def hangs(transcript: Transcript) -> bool:
    """Whether the customer's last word asks for more: who stops at "my" has not finished."""
    return _hangs(_last_words(transcript, Party.CUSTOMER))


def _hangs(said: tuple[str, ...]) -> bool:
    return bool(said) and said[-1] in _HANGING


def starts_within(model: GapModel, gap: Gap, ticks: int) -> int:
    """Percent: that the customer begins to speak within `ticks`; never less for more of them."""
    before, at = 0, 0
    for number, horizon in enumerate(model.horizons):
        score = model.bias[number] + sum(
            weight * gap.value(name) for name, weight in model.weights[number].items()
        )
        chance = max(at, calibrated(model.calibration[number], score))
        if ticks <= horizon:
            return at + (chance - at) * (ticks - before) // (horizon - before)
        before, at = horizon, chance
    return at


def _pieces(silent: int) -> tuple[int, int, int]:
    silent = max(0, min(silent, _LONGEST))
    return min(silent, _SHORT), max(0, min(silent, _LONG) - _SHORT), max(0, silent - _LONG)


def _lively(transcript: Transcript, tick: int) -> int:
    lines = [line.party for line in transcript.lines if tick - line.start <= _MINUTE]
    return min(100, 10 * sum(a is not b for a, b in pairwise(lines)))


def _length(speech: Speech) -> int:
    return max(0, min(speech.end - speech.start, _TURN))


def _last_words(transcript: Transcript, party: Party) -> tuple[str, ...]:
    """The party's last line with what is being guessed after it."""
    line = next((one.text for one in reversed(transcript.lines) if one.party is party), "")
    agent = party is Party.AGENT
    partial = transcript.agent_partial if agent else transcript.customer_partial
    return tokens(f"{line} {partial}")
