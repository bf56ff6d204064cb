"""Messages on the data channel: cards and silences out, touches in; one event each, as JSON."""

import msgspec

from copilot.core.events import CardTouched, Effect, encode

CHANNEL = "copilot"
"""Label of the data channel."""
MAX_BYTES = 4096
"""The longest message that a browser may send."""

_touch = msgspec.json.Decoder(CardTouched)


def outgoing(effect: Effect) -> str:
    """The effect as it stands in the log."""
    return encode(effect).decode()


def incoming(message: str | bytes) -> CardTouched | None:
    """A touch; None for anything else, which a browser has no business to send."""
    if len(message) > MAX_BYTES:
        return None
    try:
        return _touch.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
