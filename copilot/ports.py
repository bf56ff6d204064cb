"""The ports: what the live and offline shells need from models, services and stores."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from copilot.audio.frames import MicroTurn, Pcm
from copilot.core.events import CallStarted, Compose, DraftReady, Effect, Entry, Heard, Rewrite
from copilot.core.vocabulary import NeedModel, Passage, Signals, TurnText

Vectors = NDArray[np.float32]
"""Unit-length embeddings, float32 ``[n, dim]``."""

LogOdds = NDArray[np.float32]
"""Log-odds that each text answers, float32 ``[n]``."""


class Ear(Protocol):
    """Hears one call."""

    async def hear(self, turn: MicroTurn) -> Heard:
        """Answer one micro-turn without waiting for recognition: words may come ticks later."""
        ...

    async def close(self) -> None: ...


class Listener(Protocol):
    """Opens ears; one per process, shared by its calls."""

    @property
    def rate(self) -> int:
        """The sample rate it hears, one of Opus' own: 8, 12, 16, 24 or 48 kHz, in Hz."""
        ...

    async def open(self, call: CallStarted) -> Ear: ...

    async def close(self) -> None: ...


class Voice(Protocol):
    """Turns a line into sound."""

    @property
    def rate(self) -> int:
        """Sample rate of what it says, Hz."""
        ...

    def say(self, text: str) -> AsyncIterator[Pcm]:
        """Mono float32 chunks of any length, the first as soon as there is one.

        `text` is as it is said, its numbers and signs in words.
        """
        ...

    async def close(self) -> None: ...


@runtime_checkable
class Telling(Protocol):
    """A component that tells how it is."""

    def state(self) -> Mapping[str, object]:
        """Figures and texts for metrics and pages, as they are now; `notice` is a sentence for
        people where something is amiss."""
        ...


@runtime_checkable
class Warming(Protocol):
    """A voice whose first line would be late."""

    async def warm(self) -> None:
        """Get ready, so that the next line begins at once."""
        ...


@runtime_checkable
class Situated(Protocol):
    """A voice that speaks in each call from that call's own ear."""

    def inside(self, call_id: str) -> Voice:
        """The voice for one call."""
        ...


class Found(NamedTuple):
    """What a search brought."""

    passages: tuple[Passage, ...]
    """Best first, their score the probability of being right if any is, in percent."""
    signals: Signals = Signals()


class Retriever(Protocol):
    """Finds passages for words of the customer and the lines before them, oldest first."""

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found: ...


class Pinned(NamedTuple):
    """What one call searches, from its beginning to its end."""

    refs: tuple[str, ...]
    """The packs with their versions, as the call's log names them: ``parcel@1f0c9a2e``."""
    retriever: Retriever
    need: NeedModel | None = None
    """The gate's model for what the retriever tells."""


class Shelves(Protocol):
    """The knowledge that calls may use."""

    def pin(self, packs: Sequence[str] = ()) -> Pinned:
        """The named packs as they are now, all when none is named; raises UserError for an unknown.

        Whoever has it keeps those versions, whatever is published meanwhile.
        """
        ...


class Prompt(NamedTuple):
    """What a background model is asked."""

    rules: str
    """The instruction; never made of what customers, packs or tools say."""
    matter: str
    """What it is about: data, each piece fenced, none of it an instruction."""
    max_tokens: int = 200


class Piece(NamedTuple):
    """A part of an answer as it comes."""

    text: str
    anew: bool
    """The answer begins here: forget the pieces before, their route broke off."""
    route: str


class Mind(Protocol):
    """A background model, whoever runs it."""

    def answer(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The answer as it comes; raises MindError when no route has one."""
        ...

    def of(self, team_id: str) -> "Mind | None":
        """The same as far as a team may use it; None: not at all."""
        ...

    @property
    def destinations(self) -> Sequence[str]:
        """Where it sends what it is asked: URLs without keys."""
        ...

    async def close(self) -> None: ...


class RouteTried(NamedTuple):
    """How one way to a model did in a test."""

    route: str
    fault: str
    """Empty: it has answered."""
    first_ms: int = 0
    """Until the first token."""
    whole_ms: int = 0

    def __str__(self) -> str:
        if self.fault:
            return f"{self.route}: {self.fault}"
        return f"{self.route}: first token after {self.first_ms} ms, all after {self.whole_ms} ms"


@runtime_checkable
class Routed(Protocol):
    """A background model with several routes, which can be tried each by itself."""

    async def try_routes(self, prompt: Prompt, seconds: float) -> Sequence[RouteTried]:
        """Ask every route once, all at a time, and wait so long at most."""
        ...


class Composer(Protocol):
    """Writes a better card in the background."""

    async def compose(self, request: Compose) -> DraftReady:
        """The draft; an empty text where it has nothing better than the card."""
        ...


class Rewriter(Protocol):
    """Puts words of the customer better in the background."""

    async def rewrite(self, request: Rewrite) -> str:
        """A question that stands alone; empty where it has nothing better."""
        ...


class Background(Protocol):
    """What thinks beside a call, as the call needs it."""

    def composes(self, team_id: str) -> bool:
        """Whether anybody writes better cards and questions for the team."""
        ...

    async def take_up(self, team_id: str, call_id: str) -> None:
        """A call whose process died goes on here; what was known in it is known again."""
        ...

    def composer(self, call_id: str, team_id: str) -> Composer | None:
        """Who writes better cards; None: nobody does."""
        ...

    def rewriter(self, call_id: str, team_id: str) -> Rewriter | None:
        """Who puts the customer's words better; None: nobody does."""
        ...

    def retriever(self, call_id: str, retriever: Retriever) -> Retriever:
        """The same search, by somebody who may know who is calling."""
        ...


class Embedder(Protocol):
    """Turns texts into unit vectors; blocking, so callers run it in an executor."""

    @property
    def name(self) -> str:
        """Names the model: vectors of different names are never compared."""
        ...

    @property
    def dim(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


class Reranker(Protocol):
    """Reads a query and a text together; blocking, so callers run it in an executor."""

    def score(self, query: str, texts: Sequence[str]) -> LogOdds: ...


class DenseIndex(Protocol):
    """A durable vector index with one collection per pack version; blocking.

    Raises VectorError where it cannot be written or does not answer.
    """

    def collections(self) -> list[str]:
        """The collections that are whole, oldest first."""
        ...

    def unused(self) -> list[str]:
        """Those of them that no other process can be using, oldest first."""
        ...

    def build(
        self,
        collection: str,
        ids: Sequence[str],
        vectors: Vectors,
        told: Callable[[int], None] | None = None,
    ) -> None:
        """Make the collection whole or not at all; one that is there stays as it is.

        `told` hears how many rows are in.
        """
        ...

    def claim(self, collection: str) -> bool:
        """Say that it is in use, so that no other process drops it for days; False: not there."""
        ...

    def query(self, collection: str, vector: Vectors, k: int) -> list[tuple[str, float]]:
        """``(id, cosine)`` best first, for one vector ``[dim]``."""
        ...

    def vectors(self, collection: str, ids: Sequence[str]) -> Vectors:
        """The stored vectors of `ids`, in their order; all must be there."""
        ...

    def drop(self, collection: str) -> None: ...


class Outlet(Protocol):
    """Where a call's cards and whispers go: the agent's browser."""

    def deliver(self, effect: Effect) -> None:
        """Hand it over without waiting; what cannot be delivered now is in the log."""
        ...


class Mouth(Protocol):
    """Plays whispers in the agent's earpiece, and nowhere else."""

    async def play(self, whisper: int, chunks: AsyncIterator[Pcm], rate: int) -> int:
        """Play to the end or until `stop`; returns the ticks that were heard."""
        ...

    def stop(self) -> None:
        """Fall silent at once."""
        ...

    def soften(self) -> None:
        """Play whispers 12 dB softer from now on."""
        ...


DEFAULT_TEAM = "default"
"""The team that is always there."""


class Owner(NamedTuple):
    """Whose call it is."""

    team_id: str = DEFAULT_TEAM
    person_id: str = ""
    """The agent; empty: not known."""


NOBODY = Owner()
"""Nobody in particular, in the team that is always there."""


class CallLog(Protocol):
    """Keeps the entries of calls: appended without waiting, read whole, followed live."""

    def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        """Take the entries; they are durable within 250 ms."""
        ...

    def follow(self, call_id: str, after: int = -1) -> AsyncIterator[Entry]:
        """Entries with ``seq > after``: stored ones, then live ones until the call has ended."""
        ...


class Archive(CallLog, Protocol):
    """A log that outlives its process."""

    async def adopt(self, call_id: str) -> Sequence[Entry]:
        """Go on with the log of a call whose process died: what it holds, to be appended to.

        Raises UnknownCall where that cannot be.
        """
        ...
