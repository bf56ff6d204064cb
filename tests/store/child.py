"""A process that appends an entry every 20 ms until it is killed, and says which."""

import asyncio
import sys

from copilot.core.events import CallStarted, Entry, Heard
from copilot.core.policy import Policy
from copilot.store.log import open_store


async def main(url: str) -> None:
    store = await open_store(url)
    store.append("a", [Entry(0, 0, CallStarted("a", Policy()))])
    for seq in range(1, 10_000):
        store.append("a", [Entry(seq, seq, Heard(seq))])
        print(seq, flush=True)
        await asyncio.sleep(0.02)


asyncio.run(main(sys.argv[1]))
