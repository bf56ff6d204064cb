"""The sherpa-onnx listener: speech at once from Silero, words as decoding gets to them."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from copilot.audio.frames import MicroTurn
from copilot.core.events import CallStarted, Heard
from copilot.core.vocabulary import Hearing, Party, Word
from copilot.errors import ConfigError
from copilot.providers.embedded.agreement import agreed
from copilot.providers.embedded.endpoint import Begin, End, Manner, Piece, Sound
from copilot.providers.embedded.listening import Cut, Listening
from copilot.providers.embedded.speech import RATE, Speech
from copilot.providers.registry import Host
from copilot.providers.registry import options as read_options
from copilot.providers.sherpa.decoding import Answer, Decoding, Utterance
from copilot.providers.sherpa.model import HOW, Options, Recogniser, find, load

_MAX_LAG = 8 * RATE
"""Samples that a call may be behind; utterances that begin beyond go unrecognised."""


def sherpa(options: Mapping[str, object], host: Host) -> "SherpaListener":
    """The listener of `options`; raises ConfigError for wrong options or unusable files."""
    chosen = read_options("ear", options, Options)
    if not chosen.model:
        raise ConfigError(f"[ear] model is not set; {HOW}")
    recogniser = load(find(Path(chosen.model)), chosen, host.cache, host.sentences)
    return SherpaListener(recogniser, chosen, host.lockstep)


class SherpaListener:
    """One recogniser and one Silero for all calls."""

    def __init__(self, recogniser: Recogniser, options: Options, lockstep: bool = False) -> None:
        self._options = options
        self._lockstep = lockstep
        self._speech = Speech()
        self._decoding = Decoding(recogniser)

    @property
    def rate(self) -> int:
        return RATE

    async def open(self, call: CallStarted) -> "SherpaEar":
        listening = Listening(self._speech, Manner(silence_ms=self._options.silence_ms))
        return SherpaEar(listening, self._decoding, self._lockstep)

    async def close(self) -> None:
        await self._decoding.idle()
        self._decoding.close()
        self._speech.close()


class SherpaEar:
    """Hears one call."""

    def __init__(self, listening: Listening, decoding: Decoding, lockstep: bool) -> None:
        self._listening = listening
        self._decoding = decoding
        self._lockstep = lockstep
        self._open: dict[Party, Utterance] = {}
        self._words: dict[Party, list[Word]] = {party: [] for party in Party}
        self._guess = dict.fromkeys(Party, "")
        self._behind = 0
        """Samples given to the recogniser and not yet worked through."""
        self.dropped = 0
        """Utterances that nobody recognised because the recogniser was too late."""

    async def hear(self, turn: MicroTurn) -> Heard:
        """Speech of this tick, and whatever words have arrived by now."""
        cuts = await self._listening.hear(turn)
        for party, cut in cuts.items():
            self._send(party, cut.pieces)
        if self._lockstep:
            await self._decoding.idle()
        agent, customer = (self._hearing(party, cuts[party]) for party in Party)
        return Heard(turn.tick, agent, customer)

    async def close(self) -> None:
        self._listening.close()

    def _send(self, party: Party, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Begin() if self._behind > _MAX_LAG:
                    self.dropped += 1
                case Begin(at):
                    self._open[party] = self._decoding.begin(party, at)
                case Sound(samples) if utterance := self._open.get(party):
                    utterance.received.append(samples)
                    self._behind += len(samples)
                    self._decoding.feed(utterance, self._take)
                case End() if utterance := self._open.pop(party, None):
                    utterance.over = True
                    self._decoding.feed(utterance, self._take)

    def _take(self, answer: Answer) -> None:
        self._behind -= answer.samples
        party = answer.utterance.party
        if answer.final:
            self._words[party].extend(answer.words)
            self._guess[party] = ""
            return
        texts = [word.text for word in answer.words]
        self._guess[party] = " ".join(agreed(texts, answer.utterance.last))
        answer.utterance.last = texts

    def _hearing(self, party: Party, cut: Cut) -> Hearing:
        words, self._words[party] = tuple(self._words[party]), []
        return Hearing(cut.speech, cut.pause, words, self._guess[party])
