"""The call's sound at the rate of Silero and the embedded ear, tick by tick."""

import numpy as np
import soxr

from copilot.audio.frames import Pcm, frame_samples

FROM, TO = 24_000, 16_000
HEADROOM = 320
"""Samples of silence before the first tick, 20 ms, so that the filter's delay never leaves a tick
short."""


class Downsampler:
    """One party: 1,920 samples at 24 kHz in, 1,280 at 16 kHz out."""

    def __init__(self) -> None:
        self._stream = soxr.ResampleStream(FROM, TO, 1, dtype="float32", quality="LQ")
        self._rest = np.zeros(HEADROOM, np.float32)

    def tick(self, pcm: Pcm) -> Pcm:
        have = np.concatenate((self._rest, self._stream.resample_chunk(pcm)))
        size = frame_samples(TO)
        self._rest = have[size:]
        if len(have) < size:
            have = np.concatenate((np.zeros(size - len(have), np.float32), have))
        return have[:size]
