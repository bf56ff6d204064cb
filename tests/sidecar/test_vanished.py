"""A browser that vanishes without a word is noticed within five seconds."""

import asyncio
import time

from copilot.sidecar.line import Line
from copilot.sidecar.offer import read
from copilot.sidecar.peer import connect, use_interface
from tests.webrtc import QUERY, Browser


async def test_a_vanished_browser_is_noticed_within_five_seconds() -> None:
    use_interface("127.0.0.1")
    browser, line, gone = Browser(), Line(16_000), asyncio.Event()
    offer = read(await browser.offer(), QUERY)

    def changed() -> None:
        if not peer.connected:
            gone.set()

    peer = await connect(offer, line, lambda act: None, changed)
    await browser.accept(peer.answer)
    # nothing is said any more, no goodbye either: the cable is out
    transport = browser.connection.getTransceivers()[0].receiver.transport.transport
    since = time.monotonic()
    for protocol in transport._connection._protocols:
        protocol.transport.abort()
    try:
        await asyncio.wait_for(gone.wait(), 8)
        assert time.monotonic() - since < 5.5
    finally:
        line.audio.close()
        await peer.close()
        await browser.close()


async def test_the_answer_sends_nothing_on_either_partys_track() -> None:
    """Whispers can leave on the agent's own earpiece only: both parties' sections are recvonly."""
    use_interface("127.0.0.1")
    browser, line = Browser(), Line(16_000)
    peer = await connect(read(await browser.offer(), QUERY), line, lambda act: None, lambda: None)
    try:
        sections = peer.answer.split("m=audio")[1:]
        directions = [
            next(d for d in ("sendrecv", "sendonly", "recvonly", "inactive") if f"a={d}" in one)
            for one in sections
        ]
        assert directions == ["recvonly", "recvonly", "sendonly"]
    finally:
        line.audio.close()
        await peer.close()
        await browser.close()
