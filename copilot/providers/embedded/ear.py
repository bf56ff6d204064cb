"""The embedded listener: speech at once from Silero, words as they come from a process a call."""

from collections.abc import Mapping

from msgspec import Struct

from copilot.audio.frames import MicroTurn
from copilot.core.events import CallStarted, Heard
from copilot.core.vocabulary import Hearing, Party
from copilot.providers.embedded import wire
from copilot.providers.embedded.endpoint import Manner
from copilot.providers.embedded.language import Mix, bundle, prepare
from copilot.providers.embedded.listening import Cut, Listening
from copilot.providers.embedded.recognition import Recognition
from copilot.providers.embedded.speech import RATE, Speech
from copilot.providers.registry import Host
from copilot.providers.registry import options as read_options


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of ``[ear]`` with ``provider = "embedded"``."""

    vocabulary: int = 5000
    """Words that can be recognised; those of the packs are always among them."""
    silence_ms: int = 300
    """Silence that ends an utterance and makes its words final."""


def embedded(options: Mapping[str, object], host: Host) -> "EmbeddedListener":
    """The listener of `options`, its language prepared; raises ConfigError for wrong options."""
    return EmbeddedListener(read_options("ear", options, Options), host)


class EmbeddedListener:
    """One Silero for all calls, one recogniser process for each call.

    A process a call, not a pool: a call's death or slowness is its own, the scheduler shares the
    cores fairly, and what a call took is back when it ends.
    """

    def __init__(self, options: Options, host: Host) -> None:
        self._options = options
        self._lockstep = host.lockstep
        language = prepare(host.cache, host.sentences, options.vocabulary, Mix())
        self._start = wire.Start(
            str(bundle().acoustic), str(language.model), str(language.dictionary)
        )
        self._speech = Speech()

    @property
    def rate(self) -> int:
        return RATE

    async def open(self, call: CallStarted) -> "EmbeddedEar":
        recognition = Recognition(self._start)
        await recognition.open()
        listening = Listening(self._speech, Manner(silence_ms=self._options.silence_ms))
        return EmbeddedEar(listening, recognition, self._lockstep)

    async def close(self) -> None:
        self._speech.close()


class EmbeddedEar:
    """Hears one call."""

    def __init__(self, listening: Listening, recognition: Recognition, lockstep: bool) -> None:
        self._listening = listening
        self._lockstep = lockstep
        self.recognition = recognition

    async def hear(self, turn: MicroTurn) -> Heard:
        """Speech of this tick, and whatever words have arrived by now."""
        cuts = await self._listening.hear(turn)
        for party, cut in cuts.items():
            self.recognition.send(party, cut.pieces)
        if self._lockstep:
            await self.recognition.settle()
        agent, customer = (self._hearing(party, cuts[party]) for party in Party)
        return Heard(turn.tick, agent, customer)

    async def close(self) -> None:
        self._listening.close()
        await self.recognition.close()

    def _hearing(self, party: Party, cut: Cut) -> Hearing:
        words, guess = self.recognition.take(party)
        return Hearing(cut.speech, cut.pause, words, guess)
