"""The recogniser process of one call: PocketSphinx, one decoder a party, fed over stdin."""

import os
import re
import select
import signal
import sys

from copilot.core.vocabulary import Party, Word
from copilot.providers.embedded import cepstra, wire
from copilot.providers.embedded.agreement import agreed

_TICK = 1_280
_FRAME = 160
"""Samples of one frame of PocketSphinx, 10 ms."""
_NICENESS = 5
"""The media of the calls comes first where cores are short."""
_SEARCH = {
    "lw": 7.0,
    "fwdflatlw": 12.0,
    "bestpathlw": 13.0,
    "beam": 1e-64,
    "pbeam": 1e-64,
    "wbeam": 1e-40,
    "lpbeam": 1e-50,
    "lponlybeam": 1e-40,
}
"""Weights of the language model, and beams, fitted on synthetic voices: against PocketSphinx's own
they leave out a third to a half of the wrong words of small talk, at half as much cost again."""
_FILLER = re.compile(r"[<\[+].*")
_VARIANT = re.compile(r"\(\d+\)$")


class Recogniser:
    """One party's decoder, kept for the whole call because its cepstral mean is."""

    def __init__(self, start: wire.Start, party: Party) -> None:
        from pocketsphinx import Decoder  # only in this process

        self._decoder = Decoder(
            hmm=start.acoustic,
            lm=start.model,
            dict=start.dictionary,
            cmn="live",
            loglevel="FATAL",
            **_SEARCH,
        )
        learnt = start.means.get(party)
        self._tracker = None if learnt else cepstra.Tracker()
        self._decoder.set_cmn(learnt or cepstra.write(cepstra.TYPICAL))
        self._at: int | None = None
        self._before: cepstra.Means = ()
        self._heard = bytearray()
        self._last: list[str] = []

    @property
    def means(self) -> str:
        return str(self._decoder.get_cmn(False))

    def open(self, at: int) -> None:
        self._at = at
        self._last = []
        self._heard.clear()
        self._before = cepstra.read(self.means)
        self._decoder.start_utt()

    def hear(self, pcm: bytes) -> None:
        self._decoder.process_raw(pcm)
        if self._tracker:
            self._heard += pcm

    def guess(self) -> str:
        """The words that this hypothesis and the one before it agree on."""
        hypothesis = self._decoder.hyp()
        words = hypothesis.hypstr.split() if hypothesis else []
        text = " ".join(agreed(words, self._last))
        self._last = words
        return text

    def finish(self) -> tuple[Word, ...]:
        """End the utterance; its words in ticks of the call's axis."""
        assert self._at is not None
        self._decoder.end_utt()
        if self._tracker:
            self._again(self._tracker)
        words = tuple(self._words(self._at))
        self._at = None
        return words

    def _again(self, tracker: cepstra.Tracker) -> None:
        """Decode the utterance once more, with the cepstral mean that the first pass has shown."""
        tracker.learn(self._before, cepstra.read(self.means), self._decoder.n_frames())
        means = cepstra.write(tracker.means)
        self._decoder.set_cmn(means)
        self._decoder.start_utt()
        self._decoder.process_raw(bytes(self._heard))
        self._decoder.end_utt()
        self._decoder.set_cmn(means)
        if tracker.sure:
            self._tracker = None

    def _words(self, at: int) -> list[Word]:
        found = []
        for segment in self._decoder.seg() or ():
            if not _FILLER.match(segment.word):
                start = (at + segment.start_frame * _FRAME) // _TICK
                end = -(-(at + (segment.end_frame + 1) * _FRAME) // _TICK)
                found.append(Word(_VARIANT.sub("", segment.word), start, end))
        return found


class Inlet:
    """Messages from a file descriptor, and whether more of them wait."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()

    def next(self) -> wire.ToWorker | None:
        """The next message; None when the other side has closed."""
        while (message := self._pop()) is None:
            more = os.read(self._fd, 1 << 16)
            if not more:
                return None
            self._buffer += more
        return message

    @property
    def waiting(self) -> bool:
        return bool(self._buffer) or bool(select.select([self._fd], [], [], 0)[0])

    def _pop(self) -> wire.ToWorker | None:
        size = wire.HEADER.size
        if len(self._buffer) < size:
            return None
        end = size + wire.HEADER.unpack_from(self._buffer)[0]
        if len(self._buffer) < end:
            return None
        message = wire.to_worker.decode(self._buffer[size:end])
        del self._buffer[:end]
        return message


class Worker:
    """Works messages off; guesses wait until none is left, so they are what a late worker drops."""

    def __init__(self, inlet: Inlet, out: int) -> None:
        self._inlet = inlet
        self._out = out
        self._parties: dict[Party, Recogniser] = {}
        self._changed: set[Party] = set()
        self._samples = 0
        self._told: dict[Party, str] = {}

    def run(self) -> None:
        """Until the other side closes."""
        while (message := self._inlet.next()) is not None:
            self._work(message)
            if not self._inlet.waiting or isinstance(message, wire.Sync):
                self._report()
            if isinstance(message, wire.Sync):
                self._say(wire.Synced())

    def _work(self, message: wire.ToWorker) -> None:
        match message:
            case wire.Start():
                self._parties = {party: Recogniser(message, party) for party in Party}
            case wire.Open(party, at):
                self._parties[party].open(at)
            case wire.Samples(party, pcm):
                self._parties[party].hear(pcm)
                self._samples += len(pcm) // 2
                self._changed.add(party)
            case wire.Finish(party):
                words = self._parties[party].finish()
                self._changed.discard(party)
                self._told[party] = ""
                self._say(wire.Final(party, words, self._parties[party].means))
            case wire.Sync():
                pass

    def _report(self) -> None:
        for party in sorted(self._changed):
            text = self._parties[party].guess()
            if text != self._told.get(party, ""):
                self._told[party] = text
                self._say(wire.Guess(party, text))
        self._changed.clear()
        self._say(wire.Done(self._samples))

    def _say(self, message: wire.FromWorker) -> None:
        view = memoryview(wire.frame(message))
        while view:
            view = view[os.write(self._out, view) :]


def main() -> int:
    # Ctrl-C reaches the whole process group; this process ends when its parent closes the pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICENESS)
    out = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints must not land between messages
    try:
        Worker(Inlet(0), out).run()
    except BrokenPipeError:
        return 0  # the parent has gone; nobody is left to tell
    return 0


if __name__ == "__main__":
    sys.exit(main())
