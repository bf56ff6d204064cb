"""What lasts of a call when its connection is replaced: the sound, the screen and the ear."""

import asyncio
from collections.abc import AsyncIterator, Callable

from aiortc import RTCDataChannel

from copilot.audio.frames import Pcm
from copilot.audio.loudness import TalkLevel, rms
from copilot.core.events import CardTouched, Effect, Party, ShowCard, WithdrawCard
from copilot.sidecar import wire
from copilot.sidecar.earpiece import Earpiece
from copilot.sidecar.reflex import Reflex
from copilot.sidecar.rtp import CallAudio


class Line:
    """The agent's browser as the session knows it: `Outlet` and `Mouth` over the present peer."""

    def __init__(self, rate: int) -> None:
        self.audio = CallAudio(rate, self._sounded)
        self.talk = TalkLevel()
        self._reflex = Reflex()
        self._announced = False
        """Whether the call's first whisper has been played, after its earcon."""
        self._channel: RTCDataChannel | None = None
        self._earpiece: Earpiece | None = None
        self._card: ShowCard | None = None

    @property
    def card(self) -> ShowCard | None:
        """What is on the agent's screen."""
        return self._card

    def attach_earpiece(self, earpiece: Earpiece) -> None:
        """The new peer's earpiece; what the old one was playing is lost with it."""
        if self._earpiece is not None:
            self._earpiece.cut()
        self._earpiece = earpiece

    def attach_channel(
        self, channel: RTCDataChannel, touched: Callable[[CardTouched], None]
    ) -> None:
        """The new peer's data channel; a card that is still up is shown again."""

        @channel.on("message")
        def _(message: str | bytes) -> None:
            touch = wire.incoming(message)
            if touch is not None:
                touched(touch)

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
        return await self._earpiece.play(whisper, chunks, rate, announced=first)

    def stop(self) -> None:
        if self._earpiece is not None:
            self._earpiece.cut()

    def _sounded(self, party: Party, samples: Pcm) -> None:
        self.talk.hear(rms(samples))
        self._reflex.hear(party, samples, asyncio.get_running_loop().time(), self._earpiece)

    def _send(self, effect: Effect) -> None:
        if self._channel is not None and self._channel.readyState == "open":
            self._channel.send(wire.outgoing(effect))
