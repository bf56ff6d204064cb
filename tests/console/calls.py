"""Past calls for the console's tests."""

import asyncio

import msgspec

from copilot.core.events import CallStarted
from copilot.ports import Owner
from copilot.store.log import Store
from tests.helpers import Call, knows, passage

ANNA = Owner("ours", "anna")
ASK = "can i change the delivery address of my parcel"


def asked(text: str = ASK, answered: bool = True) -> Call:
    """The customer asks, and gets a card or none."""
    call = Call(knows(passage()) if answered else lambda query: ())
    return call.agent("good morning").quiet(30).customer(text).quiet(60)


async def keep(store: Store, call_id: str, call: Call, owner: Owner = ANNA) -> None:
    """Put a call of this person into the store, ended or as far as it has come."""
    first = call.log[0].event
    assert isinstance(first, CallStarted)
    started = msgspec.structs.replace(first, call_id=call_id)
    log = [msgspec.structs.replace(call.log[0], event=started), *call.log[1:]]
    store.append(call_id, log, owner)
    while store.lag:
        await asyncio.sleep(0.01)
