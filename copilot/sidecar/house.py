"""What a team's rules say when one of its calls begins, as the switchboard asks for them."""

from pathlib import Path
from typing import NamedTuple, Protocol

from copilot.core.policy import Policy
from copilot.ports import Owner


class Beginning(NamedTuple):
    """The rules that a call begins under, and keeps."""

    policy: Policy
    ruling: int = 0
    """Number of the team's published policy; 0: the settings'."""
    level: str = ""
    """How seasoned the agent is."""
    consent: bool = True
    """Whether the team lets calls be kept and helped at all."""
    role: str = ""
    """Who the agent is, for a model that listens."""
    voice: str = ""
    recording: Path | None = None
    """Where the sound is kept; None: it is not."""


class House(Protocol):
    """Knows the rules of all teams."""

    async def begin(self, owner: Owner, call_id: str) -> Beginning:
        """The rules for a call of this person that begins now."""
        ...
