"""The probability of need of what search has found, at this moment of the call."""

from copilot.core.compose import line
from copilot.core.gate import is_triggered
from copilot.core.need import need, observe
from copilot.core.state import CallState
from copilot.core.vocabulary import Passage, Signals
from copilot.core.words import share, stems


def weigh(state: CallState, asked: str, passages: tuple[Passage, ...], signals: Signals) -> int:
    """Percent; a phrase of the team's in what the customer has `asked` makes it certain."""
    if is_triggered(asked, state.policy):
        return 100
    features = observe(
        asked,
        signals,
        wish=state.wish,
        dismissed=min(10 * len(state.dismissed), 100),
        anticipation=_anticipation(state, passages),
    )
    return need(state.need, features)


def _anticipation(state: CallState, passages: tuple[Passage, ...]) -> int:
    """How much of the first passage's line the agent is about to say, percent of its content."""
    if not passages or not state.upcoming:
        return 0
    text = line(passages[0], state.upcoming)
    return share(text, stems([state.upcoming]))
