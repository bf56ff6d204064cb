"""What is remembered of a customer, under a hash that only this installation can make."""

import hashlib
import hmac
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.core import words
from copilot.core.vocabulary import Party, TurnText
from copilot.errors import ConfigError, MindError, UnknownFact
from copilot.mind.fences import orders
from copilot.ports import Found, Retriever
from copilot.providers.redact import Redactor
from copilot.store.mind.database import MindTables
from copilot.store.mind.rows import Fact, Summary

KEY_FILE = "memory.key"
KEY_BYTES = 32
MOST_FACTS = 100
"""Of one customer; the oldest makes room."""
MOST_LETTERS = 400
RECALLED = 12
"""Facts that a search and a composer are given."""
_NEVER = Redactor(("card", "account"))
"""Not even in the memory, whatever the policy says."""

Clock = Callable[[], datetime]
EraseCalls = Callable[[list[str]], Awaitable[int]]


class Known(Struct, frozen=True):
    """What an agent sees when a call begins."""

    facts: tuple[Fact, ...]
    calls: tuple[Summary, ...]
    """Confirmed summaries of past calls, newest first."""


class Erased(Struct, frozen=True):
    """What an erasure has taken away."""

    facts: int
    calls: int
    learned: tuple[str, ...] = ()
    """Packs of which something was learned from those calls, and is gone with them."""


class Memory:
    """The customers of every team, each team's own."""

    def __init__(
        self,
        tables: MindTables,
        key: bytes,
        now: Clock,
        days: int = 365,
        forget: Callable[[], None] | None = None,
    ) -> None:
        """`forget` empties caches of others that may hold words of calls."""
        self._tables = tables
        self._key = key
        self._now = now
        self._days = days
        self._forget = forget
        self._recalled: dict[str, tuple[str, ...]] = {}
        """By live call: what is known of its customer."""
        self.told: Callable[[str, Known], None] | None = None
        """Hears of a live call whose customer has become known, or known better."""

    def customer(self, team_id: str, external_id: str) -> str:
        """The hash that stands for a customer of a team; raises MindError for no id at all.

        HMAC-SHA256 with the installation's key, over the team too: the same customer of two teams
        is two, and without the key no list of ids can be tried.
        """
        plain = " ".join(external_id.split()).casefold()
        if not plain or len(plain) > 200:
            raise MindError("customer: give the customer's id, 1 to 200 characters")
        told = f"{len(team_id)}:{team_id}{plain}".encode()
        return hmac.new(self._key, told, hashlib.sha256).hexdigest()

    # ---- a call

    async def bind(self, team_id: str, call_id: str, external_id: str, live: bool = True) -> Known:
        """Say whom a call is with; what is known of them. A call that is not `live` has nobody to
        recall it for."""
        customer = self.customer(team_id, external_id)
        await self._tables.bind(call_id, team_id, customer, self._now())
        known = await self._known(team_id, customer, call_id)
        if live:
            self._recall(call_id, known)
        return known

    async def of_call(self, team_id: str, call_id: str) -> Known | None:
        """What is known of the call's customer; None where nobody has said who it is."""
        customer = await self._tables.customer(team_id, call_id)
        return None if customer is None else await self._known(team_id, customer, call_id)

    async def take_up(self, team_id: str, call_id: str) -> None:
        """A live call goes on in this process: recall its customer, if it has one."""
        known = await self.of_call(team_id, call_id)
        if known is not None:
            self._recall(call_id, known)

    async def shared(
        self, team_id: str, number: int, mine: Callable[[str], Awaitable[bool]]
    ) -> bool:
        """Whether a fact is about a customer of one of somebody's own calls."""
        fact = await self._tables.fact(team_id, number)
        if fact is None:
            return False
        for call_id in await self._tables.calls(team_id, fact.customer):
            if await mine(call_id):
                return True
        return False

    def recall(self, call_id: str) -> tuple[str, ...]:
        """What a live call's search and composer may use, at once."""
        return self._recalled.get(call_id, ())

    def let_go(self, call_id: str) -> None:
        """The call is over."""
        self._recalled.pop(call_id, None)

    # ---- facts

    async def remember(
        self, team_id: str, call_id: str, text: str, by: str, tick: int = 0, days: int | None = None
    ) -> Fact:
        """Keep a fact about the call's customer; raises MindError where there is none to keep it
        for, or it speaks to a model instead of people."""
        customer = await self._tables.customer(team_id, call_id)
        if customer is None:
            raise MindError(f"call {call_id}: nobody has said who the customer is")
        now = self._now()
        ends = now + timedelta(days=min(days or self._days, self._days))
        fact = Fact(0, team_id, customer, _plain(text), call_id, tick, now, by, ends)
        known = await self._tables.facts(team_id, customer, now)
        for old in known[MOST_FACTS - 1 :]:
            await self._tables.drop_fact(team_id, old.id)
        kept = msgspec.structs.replace(fact, id=await self._tables.add_fact(fact))
        await self._again(kept)
        return kept

    async def correct(self, team_id: str, number: int, text: str, by: str) -> Fact:
        """Put the right text in the place of a wrong one, of which nothing is kept."""
        plain = _plain(text)
        if not await self._tables.correct(team_id, number, plain, by, self._now()):
            raise UnknownFact(f"fact {number}: there is none of that number")
        fact = await self._tables.fact(team_id, number)
        assert fact is not None
        await self._again(fact)
        return fact

    async def forget(self, team_id: str, number: int) -> None:
        """Delete one fact; raises UnknownFact where there is none of that number."""
        fact = await self._tables.fact(team_id, number)
        if fact is None or not await self._tables.drop_fact(team_id, number):
            raise UnknownFact(f"fact {number}: there is none of that number")
        await self._again(fact)

    # ---- the customer's rights

    async def export(self, team_id: str, customer: str) -> Known:
        """Everything that is kept under the hash of a customer."""
        return await self._known(team_id, customer, "", every=True)

    async def calls(self, team_id: str, customer: str) -> list[str]:
        """Their calls, newest first."""
        return await self._tables.calls(team_id, customer)

    async def erase(self, team_id: str, customer: str, erase_calls: EraseCalls) -> Erased:
        """Forget a customer and their calls, so that no file of this machine has a trace.

        `erase_calls` forgets calls with their logs, labels, digests, words and sound.
        """
        calls = await self._tables.calls(team_id, customer)
        gone = await erase_calls(calls) if calls else 0
        facts = await self._tables.erase(team_id, customer)
        for call_id in calls:
            self.let_go(call_id)
        for cache in (words.tokens, words.content):
            cache.cache_clear()
        if self._forget is not None:
            self._forget()
        await self._tables.scour()
        return Erased(facts, gone)

    async def _known(self, team_id: str, customer: str, call_id: str, every: bool = False) -> Known:
        facts = await self._tables.facts(team_id, customer, self._now())
        calls = [one for one in await self._tables.calls(team_id, customer) if one != call_id]
        past = await self._tables.summaries(team_id, calls if every else calls[:5])
        return Known(
            tuple(facts), tuple(one for one in past if every or one.confirmed_at is not None)
        )

    def _recall(self, call_id: str, known: Known) -> None:
        texts = [fact.text for fact in known.facts if not orders(fact.text)]
        self._recalled[call_id] = tuple(texts[:RECALLED])
        if self.told is not None:
            self.told(call_id, known)

    async def _again(self, fact: Fact) -> None:
        for call_id in await self._tables.calls(fact.team_id, fact.customer):
            if call_id in self._recalled:
                self._recall(call_id, await self._known(fact.team_id, fact.customer, call_id))


class Remembering:
    """A retriever that also knows who is calling: facts stand before the talk, as if said."""

    def __init__(self, retriever: Retriever, recall: Callable[[], Sequence[str]]) -> None:
        self._retriever = retriever
        self._recall = recall

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        known = [TurnText(Party.AGENT, text) for text in self._recall()]
        return await self._retriever.search(query, k, [*known, *turns])


def key_in(folder: Path, given: str = "") -> bytes:
    """The installation's key: the setting's, else the data folder's own, made where there is none.

    Raises ConfigError for one that is too short.
    """
    if given:
        if len(given) < KEY_BYTES:
            raise ConfigError(f"memory.key: give at least {KEY_BYTES} characters of chance")
        return given.encode()
    path = folder / KEY_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text(encoding="ascii"))
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES))
    return bytes.fromhex(path.read_text(encoding="ascii"))


def _plain(text: str) -> str:
    """The text as it may be kept; raises MindError."""
    plain = " ".join(_NEVER.clean(text.replace("\0", "")).split())
    if not plain or len(plain) > MOST_LETTERS:
        raise MindError(f"text: give 1 to {MOST_LETTERS} letters")
    if orders(plain):
        raise MindError("text: that speaks to a model, not about the customer; say it plainly")
    return plain
