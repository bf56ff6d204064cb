"""The team's playbook: lines that tick themselves from what the agent says."""

from msgspec.structs import replace

from copilot.core.events import Effect, Ticked
from copilot.core.gate import holds, is_said
from copilot.core.policy import Item, Policy, Rule
from copilot.core.state import CallState
from copilot.core.vocabulary import Party
from copilot.core.words import pivots, stems

Step = tuple[CallState, list[Effect]]
_QUOTE = 30
"""Words of the agent that are kept with a tick, the last ones."""


def tick(state: CallState) -> Step:
    """Lines that the agent's latest words have done or broken; each ticks once in a call."""
    policy = state.policy
    said = state.transcript.words_since(Party.AGENT, state.tick - policy.said_window_ticks)
    text = " ".join(said)
    effects: list[Effect] = [
        Ticked(item.name, item.rule, " ".join(said[-_QUOTE:]))
        for item in policy.playbook
        if item.name not in state.ticked and _done(item, text, policy)
    ]
    names = {effect.item for effect in effects if isinstance(effect, Ticked)}
    return replace(state, ticked=state.ticked | names), effects


def _done(item: Item, text: str, policy: Policy) -> bool:
    if item.rule is Rule.MUST_NOT_SAY:
        return holds(text, item.phrases)
    heard = stems([text]) | pivots(text)
    return any(is_said(phrase, heard, policy) for phrase in item.phrases)
