"""Silero VAD through onnxruntime: the probability of speech of many channels in one run."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from copilot.audio.frames import Pcm

RATE = 16_000
WINDOW = 512
"""Samples of one probability: 32 ms, the only size that the model takes at 16 kHz."""
_CONTEXT = 64
"""Samples before each window that the model sees again (``OnnxWrapper`` of silero-vad)."""
_GATHER_S = 0.01
"""How long calls wait for each other: a batch of 8 channels costs two thirds of 8 single runs."""


class Channel:
    """What the model remembers of one party."""

    def __init__(self) -> None:
        self.state = np.zeros((2, 128), np.float32)
        self.context = np.zeros(_CONTEXT, np.float32)
        self.rest = np.zeros(0, np.float32)


class Silero:
    """The model itself; one thread at a time."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = (
            3  # the file holds an unused initialiser, warned of at each load
        )
        self._session = onnxruntime.InferenceSession(
            str(model_path()), options, providers=["CPUExecutionProvider"]
        )
        self._rate = np.array(RATE, np.int64)

    def hear(self, channels: Sequence[Channel], samples: Sequence[Pcm]) -> list[tuple[float, ...]]:
        """Probabilities of the windows that `samples` (at 16 kHz) complete, for each channel."""
        found: list[list[float]] = [[] for _ in channels]
        for channel, more in zip(channels, samples, strict=True):
            channel.rest = np.concatenate((channel.rest, more))
        while due := [n for n, channel in enumerate(channels) if len(channel.rest) >= WINDOW]:
            for place, probability in zip(due, self._step([channels[n] for n in due]), strict=True):
                found[place].append(probability)
        return [tuple(one) for one in found]

    def _step(self, channels: Sequence[Channel]) -> list[float]:
        windows = np.stack([np.concatenate((c.context, c.rest[:WINDOW])) for c in channels])
        state = np.stack([channel.state for channel in channels], axis=1)
        feed = {"input": windows, "state": state, "sr": self._rate}
        output, after = self._session.run(None, feed)
        for place, channel in enumerate(channels):
            channel.state = after[:, place]
            channel.context = windows[place, -_CONTEXT:]
            channel.rest = channel.rest[WINDOW:]
        return [float(probability) for probability in output[:, 0]]


class _Request(NamedTuple):
    channels: Sequence[Channel]
    samples: Sequence[Pcm]
    answer: "asyncio.Future[list[tuple[float, ...]]]"


class Speech:
    """Silero for all calls of one event loop, in a thread of its own, batched over calls."""

    def __init__(self) -> None:
        self._model = Silero()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="silero")
        self._waiting: list[_Request] = []
        self._task: asyncio.Task[None] | None = None
        self.calls = 0
        """Open calls: with one there is nobody to wait for."""

    async def hear(
        self, channels: Sequence[Channel], samples: Sequence[Pcm]
    ) -> list[tuple[float, ...]]:
        """As `Silero.hear`, together with what other calls ask within a few milliseconds."""
        loop = asyncio.get_running_loop()
        request = _Request(channels, samples, loop.create_future())
        self._waiting.append(request)
        if self._task is None:
            self._task = loop.create_task(self._serve())
        return await request.answer

    async def _serve(self) -> None:
        """Answer until nobody waits; what arrives during a run joins the next one."""
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                if len(self._waiting) < self.calls:
                    await asyncio.sleep(_GATHER_S)
                batch, self._waiting = self._waiting, []
                channels = [channel for request in batch for channel in request.channels]
                samples = [one for request in batch for one in request.samples]
                found = await loop.run_in_executor(
                    self._thread, self._model.hear, channels, samples
                )
                _answer(batch, found)
        finally:
            self._task = None

    def close(self) -> None:
        """Stop the thread after the run it may be in."""
        self._thread.shutdown(wait=True)


def _answer(batch: Sequence[_Request], found: Sequence[tuple[float, ...]]) -> None:
    at = 0
    for request in batch:
        count = len(request.channels)
        if not request.answer.done():
            request.answer.set_result(list(found[at : at + count]))
        at += count


def model_path() -> Path:
    """The model inside the silero-vad package, found without importing it: that brings torch."""
    spec = find_spec("silero_vad")
    assert spec is not None, "silero-vad is a dependency"
    assert spec.origin is not None
    return Path(spec.origin).parent / "data" / "silero_vad_16k_op15.onnx"
