"""A web application over a real store and switchboard, with calls made by the real machine."""

import wave
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from copilot.accounts.caller import Caller
from copilot.accounts.office import Office
from copilot.accounts.service import Accounts
from copilot.audio.frames import MicroTurn
from copilot.config import Settings
from copilot.config.sections import Webhook
from copilot.core.events import CallStarted, Heard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Party, Passage, TurnText, Word
from copilot.mind.background import Background
from copilot.mind.memory import Memory
from copilot.mind.tools import Tools
from copilot.mind.webhooks import Webhooks
from copilot.ports import Found, Listener, Mind, Pinned, Vectors
from copilot.providers.redact import Redactor
from copilot.retrieval.drafts import Drafts
from copilot.retrieval.library import Source
from copilot.retrieval.packs import Pack
from copilot.retrieval.published import Published
from copilot.retrieval.publishing import in_use
from copilot.retrieval.vectors import VectorCache
from copilot.sidecar.switchboard import Switchboard
from copilot.store.forgetful import Forgetful
from copilot.store.log import Store, utc_now
from copilot.web.knowledge.desk import Desk
from copilot.web.knowledge.trying import Trial
from copilot.web.sample import Sample
from copilot.web.services import Services
from tests.helpers import WORD_TICKS, Call, knows, passage

SCRIPT = "<script>alert('x')</script>"
ADDRESS = passage(id="parcel/address#change my address")
LOCKER = passage(id="parcel/locker#bring it to a locker")
NASTY = Passage(
    "parcel/nasty#xss",
    title=f"Title {SCRIPT}",
    text=f"Text **bold** {SCRIPT} [link](javascript:alert(1))",
    say=f"Say {SCRIPT}",
    score=0,
)
PACK = Pack("parcel", "Parcel carrier", "", "en", "0badcafe", (ADDRESS, LOCKER, NASTY))
QUESTION = "can i change the delivery address of my parcel today"

Spoken = Sequence[tuple[Party, int, str]]
"""Who says what, and from which tick on."""


class Shelf:
    """The passages of one pack, without an index."""

    packs = (PACK,)

    def source(self, passage: str) -> Source | None:
        return next((Source(one, PACK) for one in PACK.passages if one.id == passage), None)


class KnowsOne:
    """Finds the same passage whatever is asked, and one more where lockers are."""

    def pin(self, packs: Sequence[str] = ()) -> Pinned:
        return Pinned((PACK.ref,), self)

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        return Found((ADDRESS, LOCKER) if "locker" in query else (ADDRESS,))


class ScriptedEar:
    """Hears its script whatever sounds."""

    def __init__(self, spoken: Spoken) -> None:
        self._heard: dict[tuple[int, Party], Hearing] = {}
        for party, start, text in spoken:
            for place, word in enumerate(text.split()):
                first = start + place * WORD_TICKS
                for tick in range(first, first + WORD_TICKS - 1):
                    self._heard[tick, party] = Hearing(speech=95, partial=word)
                last = first + WORD_TICKS
                self._heard[last - 1, party] = Hearing(speech=95, words=(Word(word, first, last),))

    async def hear(self, turn: MicroTurn) -> Heard:
        quiet = Hearing()
        return Heard(
            turn.tick,
            self._heard.get((turn.tick, Party.AGENT), quiet),
            self._heard.get((turn.tick, Party.CUSTOMER), quiet),
        )

    async def close(self) -> None: ...


class ScriptedListener:
    rate = 16_000

    def __init__(self, spoken: Spoken) -> None:
        self._spoken = spoken

    async def open(self, call: CallStarted) -> ScriptedEar:
        return ScriptedEar(self._spoken)

    async def close(self) -> None: ...


class Clock:
    """A clock that moves a minute with every look."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


def answered() -> Call:
    """The customer asks, a card comes, and the agent says what it says; not ended yet."""
    call = Call(knows(ADDRESS))
    call.agent("good morning how can i help").quiet(30)
    call.customer(QUESTION).quiet(10)
    call.agent("you can change the address in the app until the evening before delivery")
    return call.quiet(20)


def make_services(
    store: Store,
    folder: Path,
    spoken: Spoken = (),
    capacity: int = 20,
    accounts: Accounts | None = None,
) -> Services:
    """Everything real but the ear and the search; without `accounts` nobody must sign in."""
    settings = Settings(data=folder)
    server = settings.server.model_copy(update={"capacity": capacity})
    settings = settings.model_copy(update={"server": server})
    listener = ScriptedListener(spoken)
    board = Switchboard(settings, listener, KnowsOne(), store, Forgetful())

    async def make() -> tuple[Path, Path]:
        return tone(folder / "agent.wav", 300), tone(folder / "customer.wav", 500)

    accounts = accounts or Accounts(Office(store.accounts), required=False)
    desk = make_desk(folder, accounts)
    trial = make_trial(desk, settings.policy, listener)
    sample, mind = Sample(make), thinks(store)
    return Services(
        store,
        Shelf(),
        board,
        settings,
        "1.2.3",
        accounts,
        desk,
        trial,
        sample,
        background=mind,
    )


def make_trial(desk: Desk, policy: Policy, listener: Listener) -> Trial:
    """Knowledge is tried under this policy; recordings are heard by this listener."""

    async def rules(caller: Caller) -> Policy:
        return policy

    async def ear() -> Listener:
        return listener

    return Trial(KnowsOne(), desk.jobs, rules, ear)


def make_desk(folder: Path, accounts: Accounts) -> Desk:
    """Knowledge bases in the folder; the words of a text are its vector."""
    published = Published(folder / "packs")
    return Desk(
        Drafts(folder / "drafts"),
        published,
        folder / "knowledge",
        accounts,
        Bag(),
        VectorCache,
        lambda: in_use(published),
    )


class Bag:
    """Texts are as like as they share words."""

    name, dim = "bag", 64

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                vectors[row, sum(word.encode()) % self.dim] += 1
        made: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        return made


def thinks(store: Store, hooks: Sequence[Webhook] = (), mind: Mind | None = None) -> Background:
    """A background, by itself without a model."""
    redactor = Redactor()
    memory = Memory(store.mind, b"k" * 32, utc_now)
    webhooks, tools = Webhooks(store.mind, hooks, utc_now), Tools((), redactor)
    return Background(store, mind, Bag(), memory, webhooks, tools, redactor, utc_now)


def tone(path: Path, hertz: int, seconds: int = 40) -> Path:
    """A recording that is surely heard."""
    rate = 16_000
    samples = 8000 * np.sin(2 * np.pi * hertz * np.arange(rate * seconds) / rate)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path
