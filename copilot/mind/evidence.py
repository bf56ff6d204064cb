"""What a tool brought: text with its source, never an instruction."""

from msgspec import Struct


class Evidence(Struct, frozen=True):
    """A result, as it is shown and cited."""

    source: str
    """``server.tool``."""
    arguments: str
    """As they were sent, as JSON."""
    text: str = ""
    """Cut to the size that the settings allow."""
    fault: str = ""
    """Why there is none, in words for people."""
    milliseconds: int = 0
