"""What pages and API do with the memory of customers, written down as it is done.

The audit log never has who the customer is: erasing one must leave no trace.
"""

import asyncio

from litestar.exceptions import NotFoundException
from msgspec.structs import replace

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.errors import MindError
from copilot.mind.background import Background
from copilot.mind.memory import Erased, Known
from copilot.retrieval.learned import forget_calls
from copilot.store.models import State
from copilot.web.services import Services


def background(services: Services) -> Background:
    """Raises NotFoundException where there is none."""
    if services.background is None:
        raise NotFoundException("this copilot has no background")
    return services.background


def who(caller: Caller) -> str:
    """As write-ups and facts are signed."""
    return caller.email or caller.name


async def read(services: Services, caller: Caller, customer: str) -> Known | None:
    """What is kept under a customer's hash; None where that is nothing, not even a call."""
    memory = background(services).memory
    known = await memory.export(caller.team_id, customer)
    if not known.facts and not await memory.calls(caller.team_id, customer):
        return None
    await services.accounts.audit.note(caller, Act.MEMORY_READ, _told(known))
    return known


async def export(services: Services, caller: Caller, customer: str) -> Known:
    """All of it, to be taken away."""
    known = await background(services).memory.export(caller.team_id, customer)
    await services.accounts.audit.note(caller, Act.MEMORY_EXPORTED, _told(known))
    return known


async def erase(services: Services, caller: Caller, customer: str) -> Erased:
    """Facts, and calls with logs, labels, words and sound; raises MindError while one is on."""
    memory, desk = background(services).memory, services.console.desk
    calls = await memory.calls(caller.team_id, customer)
    for call_id in calls:
        row = await services.store.call(call_id)
        if row is not None and row.state is State.LIVE:
            raise MindError("a call with this customer is on: erase them when it is over")
    gone = await memory.erase(caller.team_id, customer, desk.erase)
    learned = await asyncio.to_thread(forget_calls, services.settings.data, calls)
    gone = replace(gone, learned=tuple(learned))
    services.console.trials.forget(caller.team_id)
    services.desk.jobs.drop(caller.team_id)
    told = f"a customer: {gone.facts} facts, {gone.calls} calls"
    await services.accounts.audit.note(caller, Act.CUSTOMER_ERASED, told)
    return gone


async def correct(services: Services, caller: Caller, fact_id: int, text: str) -> None:
    await background(services).memory.correct(caller.team_id, fact_id, text, who(caller))
    await services.accounts.audit.note(caller, Act.MEMORY_CHANGED, f"fact {fact_id} corrected")


async def forget(services: Services, caller: Caller, fact_id: int) -> None:
    await background(services).memory.forget(caller.team_id, fact_id)
    await services.accounts.audit.note(caller, Act.MEMORY_CHANGED, f"fact {fact_id} forgotten")


def _told(known: Known) -> str:
    return f"a customer: {len(known.facts)} facts, {len(known.calls)} write-ups"
