"""What lasts of a call when its connection is replaced: the sound, the screen and the ear."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable

from aiortc import RTCDataChannel

from copilot.audio.echo import LONGEST_DELAY, Echo
from copilot.audio.frames import Pcm
from copilot.audio.loudness import TalkLevel, rms
from copilot.core.events import EchoHeard, Effect, ShowCard, WithdrawCard
from copilot.core.vocabulary import Party
from copilot.sidecar import wire
from copilot.sidecar.earpiece import Earpiece
from copilot.sidecar.reflex import Reflex
from copilot.sidecar.rtp import CallAudio

LATE = 0.2
"""How much later than its time a packet of the microphone may come, seconds."""


class Line:
    """The agent's browser as the session knows it: `Outlet` and `Mouth` over the present peer."""

    def __init__(self, rate: int, card: ShowCard | None = None) -> None:
        """`card`: the one that was up when the call's process died."""
        self.audio = CallAudio(rate, self._sounded)
        self.talk = TalkLevel()
        self._reflex = Reflex()
        self.echoed: Callable[[EchoHeard], None] | None = None
        """Told when the agent's microphone has sent a whisper on."""
        self._echo = Echo()
        self._attentive = 0.0
        """Until when the microphone may still hear a whisper."""
        self._announced = False
        """Whether the call's first whisper has been played, after its earcon."""
        self._channel: RTCDataChannel | None = None
        self._earpiece: Earpiece | None = None
        self._card = card

    @property
    def card(self) -> ShowCard | None:
        """What is on the agent's screen."""
        return self._card

    def attach_earpiece(self, earpiece: Earpiece) -> None:
        """The new peer's earpiece; what the old one was playing is lost with it."""
        if self._earpiece is not None:
            self._earpiece.cut()
        earpiece.sounded = self._played
        self._earpiece = earpiece

    def attach_channel(self, channel: RTCDataChannel, acted: Callable[[wire.Act], None]) -> None:
        """The new peer's data channel; a card that is still up is shown again."""

        @channel.on("message")
        def _(message: str | bytes) -> None:
            act = wire.incoming(message)
            if act is not None:
                acted(act)

        self._channel = channel
        if self._card is not None:
            self._send(self._card)

    def deliver(self, effect: Effect) -> None:
        match effect:
            case ShowCard():
                self._card = effect
            case WithdrawCard():
                self._card = None
        self._send(effect)

    async def play(self, whisper: int, chunks: AsyncIterator[Pcm], rate: int) -> int:
        if self._earpiece is None:
            raise LookupError("the browser has offered no earpiece track")
        first, self._announced = not self._announced, True
        loop = asyncio.get_running_loop()
        start = loop.time()
        self._attentive = math.inf
        try:
            return await self._earpiece.play(whisper, chunks, rate, announced=first)
        finally:
            end = loop.time()
            self._attentive = end + LONGEST_DELAY
            loop.call_later(LONGEST_DELAY + LATE, self._look_for_echo, whisper, start, end)

    def soften(self) -> None:
        self.talk.soften()

    def stop(self) -> None:
        if self._earpiece is not None:
            self._earpiece.cut()

    def _sounded(self, party: Party, samples: Pcm) -> None:
        now = asyncio.get_running_loop().time()
        self.talk.hear(rms(samples))
        self._reflex.hear(party, samples, now, self._earpiece)
        if party is Party.AGENT and now < self._attentive:
            self._echo.heard(now - samples.size / self.audio.rate, samples, self.audio.rate)

    def _played(self, samples: Pcm, rate: int) -> None:
        self._echo.played(asyncio.get_running_loop().time(), samples, rate)

    def _look_for_echo(self, whisper: int, start: float, end: float) -> None:
        found = self._echo.find(start, end)
        if found is not None and self.echoed is not None:
            self.echoed(EchoHeard(whisper, found.delay_ms, found.level_db))

    def _send(self, effect: Effect) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(wire.outgoing(effect))
