"""What the pages and the signalling use of the rest of the copilot, as one value."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from copilot.accounts.service import Accounts
from copilot.config import Settings
from copilot.console.console import Console
from copilot.mind.background import Background
from copilot.retrieval.library import Source
from copilot.retrieval.packs import Pack
from copilot.sidecar.switchboard import Switchboard
from copilot.store.log import Store
from copilot.web.knowledge.desk import Desk
from copilot.web.knowledge.trying import Trial
from copilot.web.sample import Sample
from copilot.web.streams import Streams

Gauge = Callable[[str], Mapping[str, object]]
"""Tells how a component is, as far as the team with this id may know."""
Check = Callable[[], Awaitable[str]]
"""Says what is wrong with a component, or nothing: an empty text means ready."""


class Sources(Protocol):
    """Knows what a card cites; `copilot.retrieval.library.Library` does."""

    @property
    def packs(self) -> Sequence[Pack]: ...

    def source(self, passage: str) -> Source | None: ...


@dataclass(frozen=True)
class Services:
    """Everything that a handler may need."""

    store: Store
    library: Sources
    switchboard: Switchboard
    settings: Settings
    version: str
    accounts: Accounts
    desk: Desk
    """The knowledge bases of the teams."""
    trial: Trial
    """Where they are tried."""
    sample: Sample | None = None
    """The sample call that the softphone can play."""
    checks: Mapping[str, Check] = field(default_factory=dict)
    """Components beside the store that must be ready before calls are taken, by name."""
    gauges: Mapping[str, Gauge] = field(default_factory=dict)
    """What components tell of how they are, by name; it does not decide whether they are ready."""
    streams: Streams = field(default_factory=Streams)
    """Open live views; to be closed before the server waits for its connections to end."""
    origins: frozenset[str] = frozenset()
    """Foreign origins that may place calls and read answers: the browser extension's."""

    background: Background | None = None
    """What composes, answers, remembers and writes up; None: nothing does."""

    @cached_property
    def console(self) -> Console:
        """What team leads, supervisors and admins work with."""
        return Console(self.store, self.settings, self.switchboard.shelves)


Given = NamedDependency[SkipValidation[Services]]
"""How a handler asks for the services."""
