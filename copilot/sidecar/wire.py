"""Messages on the data channel: what the agent is to see and hear goes out, what the agent does
comes in; one event each, as JSON."""

import msgspec

from copilot.core.events import CardTouched, EarSwitched, Effect, Snoozed, encode

CHANNEL = "copilot"
"""Label of the data channel."""
MAX_BYTES = 4096
"""The longest message that a browser may send."""

SNOOZE_TICKS = 45_000
"""The longest that cards are put off: an hour."""

Act = CardTouched | Snoozed | EarSwitched
"""What an agent may do to a call."""

_act: msgspec.json.Decoder[Act] = msgspec.json.Decoder(Act)


def outgoing(effect: Effect) -> str:
    """The effect as it stands in the log."""
    return encode(effect).decode()


def incoming(message: str | bytes) -> Act | None:
    """What the agent did; None for anything else, which a browser has no business to send."""
    if len(message) > MAX_BYTES:
        return None
    try:
        act = _act.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return act if not isinstance(act, Snoozed) or 0 <= act.ticks <= SNOOZE_TICKS else None
