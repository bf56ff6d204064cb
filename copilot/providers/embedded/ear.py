"""The embedded listener: speech at once from Silero, words as they come from a process a call."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from copilot.audio.frames import MicroTurn, Pcm
from copilot.core.events import CallStarted, Heard, Hearing, Party
from copilot.providers.embedded import wire
from copilot.providers.embedded.endpoint import Endpointer, Manner
from copilot.providers.embedded.language import Mix, bundle, prepare
from copilot.providers.embedded.recognition import Recognition
from copilot.providers.embedded.speech import RATE, Channel, Speech
from copilot.providers.registry import Host
from copilot.providers.registry import options as read_options

TICK_SAMPLES = RATE * 80 // 1000


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of ``[ear]`` with ``provider = "embedded"``."""

    vocabulary: int = 5000
    """Words that can be recognised; those of the packs are always among them."""
    silence_ms: int = 300
    """Silence that ends an utterance and makes its words final."""
    lockstep: bool = False
    """Wait for the recogniser in every tick: offline, words must not depend on time."""


def embedded(options: Mapping[str, object], host: Host) -> "EmbeddedListener":
    """The listener of `options`, its language prepared; raises ConfigError for wrong options."""
    return EmbeddedListener(read_options("ear", options, Options), host)


class EmbeddedListener:
    """One Silero for all calls, one recogniser process for each call.

    A process a call, not a pool: a call's death or slowness is its own, the scheduler shares the
    cores fairly, and a call's 70 MiB are back when it ends.
    """

    def __init__(self, options: Options, host: Host) -> None:
        self._options = options
        language = prepare(host.cache, host.sentences, options.vocabulary, Mix())
        self._start = _start(bundle().acoustic, language.model, language.dictionary)
        self._speech = Speech()

    @property
    def rate(self) -> int:
        return RATE

    async def open(self, call: CallStarted) -> "EmbeddedEar":
        recognition = Recognition(self._start)
        await recognition.open()
        self._speech.calls += 1
        return EmbeddedEar(self._options, self._speech, recognition)

    async def close(self) -> None:
        self._speech.close()


class EmbeddedEar:
    """Hears one call."""

    def __init__(self, options: Options, speech: Speech, recognition: Recognition) -> None:
        self._lockstep = options.lockstep
        self._speech = speech
        self._channels = {party: Channel() for party in Party}
        manner = Manner(silence_ms=options.silence_ms)
        self._endpointers = {party: Endpointer(manner) for party in Party}
        self.recognition = recognition
        self._next: int | None = None

    async def hear(self, turn: MicroTurn) -> Heard:
        """Speech of this tick, and whatever words have arrived by now."""
        sounds = {Party.AGENT: turn.agent, Party.CUSTOMER: turn.customer}
        found = await self._speech.hear(list(self._channels.values()), list(sounds.values()))
        broken = self._next is not None and turn.tick != self._next
        self._next = turn.tick + 1
        for (party, samples), windows in zip(sounds.items(), found, strict=True):
            if broken:
                self.recognition.send(party, self._endpointers[party].finish())
            self._listen(party, turn.tick, samples, windows)
        if self._lockstep:
            await self.recognition.settle()
        agent, customer = (
            self._hearing(party, windows) for party, windows in zip(sounds, found, strict=True)
        )
        return Heard(turn.tick, agent, customer)

    async def close(self) -> None:
        self._speech.calls -= 1
        await self.recognition.close()

    def _listen(self, party: Party, tick: int, samples: Pcm, windows: tuple[float, ...]) -> None:
        pieces = self._endpointers[party].feed(tick * TICK_SAMPLES, samples, windows)
        self.recognition.send(party, pieces)

    def _hearing(self, party: Party, windows: tuple[float, ...]) -> Hearing:
        words, guess = self.recognition.take(party)
        speech = round(100 * max(windows, default=0.0))
        return Hearing(speech, self._endpointers[party].pause, words, guess)


def _start(acoustic: Path, model: Path, dictionary: Path) -> wire.Start:
    return wire.Start(str(acoustic), str(model), str(dictionary))
