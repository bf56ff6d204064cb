"""What the pages and the signalling use of the rest of the copilot, as one value."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from copilot.config import Settings
from copilot.sidecar.switchboard import Switchboard
from copilot.store.log import Store
from copilot.web.library import Library

Check = Callable[[], Awaitable[str]]
"""Says what is wrong with a component, or nothing: an empty text means ready."""


@dataclass(frozen=True)
class Services:
    """Everything that a handler may need."""

    store: Store
    library: Library
    switchboard: Switchboard
    settings: Settings
    version: str
    sample_agent: Path | None = None
    """The sample call's agent as a WAV file; None or not there while it is not made yet."""
    sample_customer: Path | None = None
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Components beside the store that must be ready before calls are taken, by name."""
    origins: frozenset[str] = frozenset()
    """Foreign origins that may place calls: ``chrome-extension://…`` of the packaged extension."""


Given = NamedDependency[SkipValidation[Services]]
"""How a handler asks for the services."""
