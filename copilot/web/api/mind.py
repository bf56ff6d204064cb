"""The background for programs: questions, memory of customers, write-ups, deliveries."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, delete, get, patch, post, put
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream
from msgspec import Meta, Struct

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.core.events import CustomerKnown
from copilot.errors import UnknownFact
from copilot.mind.ask import Part
from copilot.mind.background import Written
from copilot.mind.memory import Known, Memory
from copilot.mind.recap import Recap
from copilot.sidecar.switchboard import Switchboard
from copilot.store.mind.rows import Delivery, Fact, Summary
from copilot.store.models import State
from copilot.web import customers, hooks
from copilot.web.access import Me, Needs, limited
from copilot.web.customers import background, who
from copilot.web.doors import MOST, Calls, Number, Shelf, TeamShelf
from copilot.web.services import Given, Services

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
External = Annotated[str, Meta(min_length=1, max_length=200)]
READS, PLACES = Needs(Scope.CALLS_READ), Needs(Scope.CALLS_PLACE)
RULES = Needs(Scope.SETTINGS_WRITE)
EVENTS = "text/event-stream"
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Question(Struct, frozen=True, forbid_unknown_fields=True):
    """What an agent wants to know."""

    question: Text
    call: str = ""
    """The call that it is about; empty: only the knowledge base is asked."""


class Customer(Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a call is with, as the caller's own system names them."""

    external_id: External


class Note(Struct, frozen=True, forbid_unknown_fields=True):
    """Something to remember."""

    text: Annotated[str, Meta(min_length=1, max_length=400)]
    tick: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    """Of the call, in 80 ms: where it was said."""
    days: Annotated[int, Meta(ge=1)] | None = None
    """Until it is forgotten; null: as long as the settings allow."""


class FactOut(Struct, frozen=True):
    """Something known of a customer, with where it is from."""

    id: int
    text: str
    call: str
    tick: int
    at: datetime
    by: str
    expires_at: datetime
    corrected_at: datetime | None


class PastOut(Struct, frozen=True):
    """A call before, as an agent has confirmed it."""

    call: str
    at: datetime
    """When it was confirmed."""
    summary: str
    reason: str
    outcome: str
    promised: tuple[str, ...]
    gaps: tuple[str, ...]


class KnownOut(Struct, frozen=True):
    """What is known of a call's customer."""

    known: bool
    """Whether anybody has said who it is."""
    facts: list[FactOut]
    """Newest first."""
    calls: list[PastOut]
    """Newest first."""


class ErasedOut(Struct, frozen=True):
    """What is gone."""

    facts: int
    calls: int
    learned: tuple[str, ...]
    """Packs of which something was learned from those calls: learn again with ``copilot learn``."""


class DeliveryOut(Struct, frozen=True):
    """One message to one webhook."""

    id: int
    call: str
    url: str
    message: str
    event: str
    state: str
    tries: int
    status: int
    told: str
    at: datetime
    next_at: datetime


@post(
    "/ask",
    guards=[READS],
    middleware=[limited("ask", 60)],
    status_code=200,
    media_type=EVENTS,
    summary="Answer an agent's question",
)
async def ask(
    data: JSONBody[Question], services: Given, caller: Me, calls: Calls, shelf: Shelf
) -> Stream:
    """Server-sent events: sources first, then sentences that they hold, then ``done``."""
    mind = background(services)
    entries = await calls.read(data.call) if data.call else []
    pinned = services.switchboard.shelves.pin(_packs(shelf))
    parts = mind.ask(caller.team_id, data.question, pinned.retriever, data.call, entries)
    body = services.streams.of(_frames(parts))
    return Stream(body, media_type=EVENTS, headers=_HEADERS)


@put("/calls/{call_id:str}/customer", guards=[PLACES], summary="Say whom a call is with")
async def bind(
    call_id: FromPath[str], data: JSONBody[Customer], services: Given, caller: Me, calls: Calls
) -> KnownOut:
    """Only a keyed hash of the id is kept. Answers what is known of the customer."""
    row = await calls.call(call_id)
    live = row.state is State.LIVE
    memory = background(services).memory
    return known_out(await memory.bind(caller.team_id, call_id, data.external_id, live))


@get("/calls/{call_id:str}/memory", guards=[READS], summary="What is known of its customer")
async def known(call_id: FromPath[str], services: Given, caller: Me, calls: Calls) -> KnownOut:
    """Nothing where nobody has said who it is."""
    await calls.call(call_id)
    return known_out(await background(services).memory.of_call(caller.team_id, call_id))


@post("/calls/{call_id:str}/memory", guards=[PLACES], summary="Remember something")
async def remember(
    call_id: FromPath[str], data: JSONBody[Note], services: Given, caller: Me, calls: Calls
) -> FactOut:
    """Of the call's customer; card and account numbers are masked for good."""
    await calls.call(call_id)
    memory = background(services).memory
    fact = await memory.remember(
        caller.team_id, call_id, data.text, who(caller), data.tick, data.days
    )
    return _fact(fact)


@patch("/memory/{fact_id:int}", guards=[PLACES], summary="Correct a fact")
async def correct(
    fact_id: Number, data: JSONBody[Note], services: Given, caller: Me, calls: Calls
) -> FactOut:
    """Nothing is kept of what was wrong. Agents correct what is known of their own customers."""
    memory = await _memory_of(services, caller, calls, fact_id)
    return _fact(await memory.correct(caller.team_id, fact_id, data.text, who(caller)))


@delete("/memory/{fact_id:int}", guards=[PLACES], summary="Forget a fact")
async def forget(fact_id: Number, services: Given, caller: Me, calls: Calls) -> None:
    """For good."""
    memory = await _memory_of(services, caller, calls, fact_id)
    await memory.forget(caller.team_id, fact_id)


@post("/customers/export", guards=[RULES], status_code=200, summary="All that is kept of one")
async def export(data: JSONBody[Customer], services: Given, caller: Me) -> KnownOut:
    """Facts and write-ups; the calls' logs are had one by one."""
    customer = background(services).memory.customer(caller.team_id, data.external_id)
    return known_out(await customers.export(services, caller, customer))


@post("/customers/erase", guards=[RULES], status_code=200, summary="Forget a customer")
async def erase(data: JSONBody[Customer], services: Given, caller: Me) -> ErasedOut:
    """Their facts and their calls with logs, labels, words and sound; no file keeps a trace."""
    customer = background(services).memory.customer(caller.team_id, data.external_id)
    gone = await customers.erase(services, caller, customer)
    return ErasedOut(gone.facts, gone.calls, gone.learned)


@get("/calls/{call_id:str}/summary", guards=[READS], summary="What a call was about")
async def summary(call_id: FromPath[str], services: Given, calls: Calls) -> Written:
    """The draft, or what was made of it; 404 while the call is on."""
    row = await calls.call(call_id)
    if row.state is State.LIVE:
        raise NotFoundException(f"call {call_id} is still on: it is written up when it is over")
    return await background(services).write_up(row)


@put("/calls/{call_id:str}/summary", guards=[PLACES], summary="Confirm what a call was about")
async def confirm(
    call_id: FromPath[str], data: JSONBody[Recap], services: Given, caller: Me, calls: Calls
) -> Written:
    """As the agent has edited it; from now on it counts, and the webhooks are told."""
    row = await calls.call(call_id)
    return await background(services).confirm(row, data, who(caller))


@get("/deliveries", guards=[Needs(Scope.SETTINGS_READ)], summary="Messages to webhooks")
async def deliveries(
    services: Given, caller: Me, before: Annotated[int, QueryParameter(ge=0, le=MOST)] = 0
) -> list[DeliveryOut]:
    """The newest hundred, or those before a number."""
    found = await services.store.mind.deliveries(caller.team_id, 100, before)
    return [_delivery(one) for one in found]


@post(
    "/deliveries/{delivery_id:int}/replay", guards=[RULES], status_code=202, summary="Send it again"
)
async def replay(delivery_id: Number, services: Given, caller: Me) -> None:
    """With the same id and body."""
    await hooks.replay(services, caller, delivery_id)


def tell(switchboard: Switchboard, call_id: str, known: Known) -> None:
    """A call hears that its customer is known, and so does whoever follows it."""
    call = switchboard.find(call_id)
    if call is not None:
        call.session.give(CustomerKnown(len(known.facts), len(known.calls)))


def _packs(shelf: TeamShelf) -> tuple[str, ...]:
    return shelf.names(())


async def _frames(parts: AsyncIterator[Part]) -> AsyncIterator[bytes]:
    async with aclosing(parts) as told:  # type: ignore[type-var]
        async for part in told:
            name = type(part).__struct_config__.tag
            yield b"event: %s\ndata: %s\n\n" % (str(name).encode(), msgspec.json.encode(part))


async def _memory_of(services: Services, caller: Caller, calls: Calls, fact_id: int) -> Memory:
    """The memory, to change this fact; raises UnknownFact where the caller knows of none."""
    memory = background(services).memory
    if not caller.sees_team and not await memory.shared(caller.team_id, fact_id, calls.has):
        raise UnknownFact(f"fact {fact_id}: there is none of that number")
    return memory


def known_out(known: Known | None) -> KnownOut:
    if known is None:
        return KnownOut(False, [], [])
    return KnownOut(
        True, [_fact(fact) for fact in known.facts], [_past(one) for one in known.calls]
    )


def _past(one: Summary) -> PastOut:
    recap = msgspec.json.decode(one.body, type=Recap)
    at = one.confirmed_at or one.made_at
    return PastOut(
        one.call_id, at, recap.summary, recap.reason, recap.outcome, recap.promised, recap.gaps
    )


def _fact(fact: Fact) -> FactOut:
    return FactOut(
        fact.id,
        fact.text,
        fact.call_id,
        fact.tick,
        fact.at,
        fact.by,
        fact.expires_at,
        fact.corrected_at,
    )


def _delivery(one: Delivery) -> DeliveryOut:
    return DeliveryOut(
        one.id,
        one.call_id,
        one.hook,
        one.message,
        one.event,
        one.state,
        one.tries,
        one.status,
        one.told,
        one.at,
        one.next_at,
    )


router = Router(
    "/api/v1",
    route_handlers=[
        ask,
        bind,
        known,
        remember,
        correct,
        forget,
        export,
        erase,
        summary,
        confirm,
        deliveries,
        replay,
    ],
    tags=["background"],
)
