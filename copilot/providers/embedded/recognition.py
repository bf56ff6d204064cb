"""A call's recogniser process as the ear sees it: fed without waiting, restarted when it dies."""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Sequence

import numpy as np

from copilot.audio.frames import Pcm
from copilot.core.vocabulary import Party, Word
from copilot.providers.embedded import wire
from copilot.providers.embedded.endpoint import Begin, End, Piece, Sound
from copilot.providers.embedded.speech import RATE

log = logging.getLogger(__name__)

_MODULE = "copilot.providers.embedded.worker"
_MAX_LAG = 8 * RATE
"""Samples behind, both parties together, from which further utterances go unrecognised."""
_STUCK_S = 20.0
"""Silence of a process that has work, after which it is taken for dead."""
_ATTEMPTS = 2
"""How often an utterance is given to a new process; the one that kills them is dropped."""
_BACKOFF_S = (0.0, 0.5, 2.0, 5.0)
"""Wait before each restart in a row; words that come in between start the row anew."""
_EXIT_S = 2.0


class Utterance:
    """An utterance until its words are final, so that a new process can be given it again."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.pcm = bytearray()
        self.over = False
        self.attempts = 1


class Recognition:
    """One call's process: pieces of sound in, words and guesses out."""

    def __init__(self, start: wire.Start) -> None:
        self._start = start
        self._means: dict[Party, str] = {}
        self._open: dict[Party, deque[Utterance]] = {party: deque() for party in Party}
        self._words: dict[Party, list[Word]] = {party: [] for party in Party}
        self._guess = dict.fromkeys(Party, "")
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._sent = self._done = 0
        self._last_news = 0.0
        self._synced = asyncio.Event()
        self._closing = False
        self._deaths = 0
        self.restarts = 0
        self.dropped = 0
        """Utterances that nobody recognised: the process was too late, or died of them."""

    async def open(self) -> None:
        """Start the process; what is sent before it is ready waits in its pipe."""
        await self._launch()
        self._task = asyncio.create_task(self._watch(), name="recogniser")

    @property
    def pid(self) -> int | None:
        """The process that works for this call now."""
        return self._process.pid if self._process else None

    @property
    def lag(self) -> float:
        """Seconds of sound that wait for the process, both parties together."""
        return (self._sent - self._done) / RATE

    def send(self, party: Party, pieces: Sequence[Piece]) -> None:
        """Pass sound on without waiting; what starts under too long a lag is dropped."""
        for piece in pieces:
            match piece:
                case Begin(at):
                    self._begin(party, at)
                case Sound(samples):
                    self._sound(party, samples)
                case End():
                    self._end(party)

    def take(self, party: Party) -> tuple[tuple[Word, ...], str]:
        """Words that became final since the last call, and the guess of what follows them."""
        words, self._words[party] = tuple(self._words[party]), []
        return words, self._guess[party]

    async def settle(self) -> None:
        """Wait until the process has worked off everything sent; for offline use."""
        self._synced.clear()
        self._write(wire.Sync())
        await self._synced.wait()

    async def close(self) -> None:
        """End the process; what it has not recognised by now is lost."""
        self._closing = True
        if self._process is not None:
            await _end(self._process)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _begin(self, party: Party, at: int) -> None:
        self._check()
        if self._sent - self._done > _MAX_LAG:
            self.dropped += 1
            return
        self._open[party].append(Utterance(at))
        self._write(wire.Open(party, at))

    def _sound(self, party: Party, samples: Pcm) -> None:
        if (utterance := self._current(party)) is not None:
            pcm = _int16(samples)
            utterance.pcm += pcm
            self._write(wire.Samples(party, pcm))

    def _end(self, party: Party) -> None:
        if (utterance := self._current(party)) is not None:
            utterance.over = True
            self._write(wire.Finish(party))

    def _current(self, party: Party) -> Utterance | None:
        """The utterance that is being spoken; None where it was dropped."""
        queue = self._open[party]
        return queue[-1] if queue and not queue[-1].over else None

    def _write(self, message: wire.ToWorker) -> None:
        """To the process if there is one; else it gets everything open when it is back."""
        if isinstance(message, wire.Samples):
            self._sent += len(message.pcm) // 2
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(wire.frame(message))

    def _check(self) -> None:
        """Kill a process that has work and says nothing."""
        silent = asyncio.get_running_loop().time() - self._last_news
        if self._process is not None and self._sent > self._done and silent > _STUCK_S:
            log.warning("recogniser %d is stuck; it is ended", self._process.pid)
            _kill(self._process)

    async def _launch(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _MODULE,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the server alone
        )
        self._process = process
        self._sent = self._done = 0
        self._last_news = asyncio.get_running_loop().time()
        start = self._start
        self._write(wire.Start(start.acoustic, start.model, start.dictionary, dict(self._means)))
        for party, queue in self._open.items():
            for utterance in queue:
                self._write(wire.Open(party, utterance.at))
                self._write(wire.Samples(party, bytes(utterance.pcm)))
                if utterance.over:
                    self._write(wire.Finish(party))

    async def _watch(self) -> None:
        """Read what the process says; start another when it ends."""
        while True:
            assert self._process is not None
            await self._read(self._process)
            code = await self._process.wait()
            self._process = None
            if self._closing:
                return
            log.warning("recogniser ended with %s; the call goes on with a new one", code)
            self._give_up_on_killers()
            await asyncio.sleep(_BACKOFF_S[min(self._deaths, len(_BACKOFF_S) - 1)])
            self._deaths += 1
            self.restarts += 1
            await self._launch()
            if not self._synced.is_set():
                self._write(wire.Sync())

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            while True:
                header = await process.stdout.readexactly(wire.HEADER.size)
                body = await process.stdout.readexactly(wire.HEADER.unpack(header)[0])
                self._last_news = asyncio.get_running_loop().time()
                self._take(wire.from_worker.decode(body))
        except (asyncio.IncompleteReadError, ConnectionError):
            return

    def _take(self, message: wire.FromWorker) -> None:
        match message:
            case wire.Guess(party, text):
                self._guess[party] = text
            case wire.Final(party, words, means):
                self._open[party].popleft()
                self._words[party].extend(words)
                self._guess[party] = ""
                self._means[party] = means
                self._deaths = 0
            case wire.Done(samples):
                self._done = samples
            case wire.Synced():
                self._synced.set()

    def _give_up_on_killers(self) -> None:
        """Each party's oldest open utterance was being worked on: it gets one more chance."""
        for party, queue in self._open.items():
            self._guess[party] = ""
            if not queue:
                continue
            if queue[0].attempts >= _ATTEMPTS:
                queue.popleft()
                self.dropped += 1
            else:
                queue[0].attempts += 1


def _int16(samples: Pcm) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close the pipe, which ends the process, and kill it if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _EXIT_S)
    except TimeoutError:
        _kill(process)
        await process.wait()


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
