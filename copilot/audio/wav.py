"""Recordings on disk: read whole into parties' samples, whatever their format and rate."""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from copilot.audio.frames import Pcm
from copilot.errors import AudioError

LOWEST_RATE = 4000
HIGHEST_RATE = 384_000
"""Bounds of a believable sample rate, Hz."""
MOST_CHANNELS = 2
LONGEST = 6 * 3600
"""The longest recording that is read, seconds: about 4 GiB of samples for two parties at 24 kHz."""
_STREAMED = (0, 0xFFFFFFFF)
"""Sizes that a WAV writer leaves in a header which it could not go back to."""


class Recording(NamedTuple):
    """A sound file in memory."""

    channels: tuple[Pcm, ...]
    """One or two of the same length."""
    rate: int
    """Hz."""

    @property
    def seconds(self) -> float:
        return self.channels[0].size / self.rate


def read(path: Path, longest: int = LONGEST) -> Recording:
    """Read a WAV, FLAC, OGG or AIFF file of any width; raises AudioError that names the fault.

    One of more than `longest` seconds is not read.
    """
    if not path.is_file():
        raise AudioError(f"{path}: no such file; give the path of a WAV or FLAC recording")
    if not path.stat().st_size:
        raise AudioError(f"{path}: empty; record or copy it again")
    try:
        with soundfile.SoundFile(path) as file:
            _check(path, file, longest)
            frames = file.frames
            samples = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path}: not a recording that can be read ({error.error_string.strip()}); "
            "convert it to WAV or FLAC"
        ) from None
    if len(samples) < frames:
        raise _truncated(path, len(samples), frames)
    if not np.isfinite(samples).all():
        raise AudioError(f"{path}: holds samples that are not numbers; convert it to 16-bit WAV")
    channels = tuple(np.ascontiguousarray(channel) for channel in samples.T)
    return Recording(channels, file.samplerate)


def resample(pcm: Pcm, rate: int, wanted: int) -> Pcm:
    """All of `pcm` at another rate, Hz."""
    if rate == wanted:
        return pcm
    return np.asarray(soxr.resample(pcm, rate, wanted), np.float32)


def write(path: Path, recording: Recording) -> None:
    """Write a 16-bit WAV; samples outside -1 … 1 are clipped."""
    samples = np.stack(recording.channels, axis=1)
    soundfile.write(path, samples, recording.rate, subtype="PCM_16", format="WAV")


def _check(path: Path, file: soundfile.SoundFile, longest: int) -> None:
    if not LOWEST_RATE <= file.samplerate <= HIGHEST_RATE:
        raise AudioError(
            f"{path}: {file.samplerate} Hz; give one of {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        )
    if file.channels > MOST_CHANNELS:
        raise AudioError(
            f"{path}: {file.channels} channels; give one file of two channels, agent and customer, "
            "or one mono file each"
        )
    if not file.frames:
        raise AudioError(f"{path}: holds no sound; record or copy it again")
    if file.frames > longest * file.samplerate:
        most = f"{longest // 3600} hours" if longest > 7200 else f"{longest // 60} minutes"
        raise AudioError(f"{path}: longer than {most}; cut it into parts")
    declared, there = _data_size(path)
    if there < declared:
        raise _truncated(path, there, declared)


def _truncated(path: Path, there: int, declared: int) -> AudioError:
    share = 100 * there // declared
    return AudioError(f"{path}: truncated, {share} % of its sound is there; copy it again")


def _data_size(path: Path) -> tuple[int, int]:
    """Bytes of sound that a RIFF file declares and those that follow; zeros for any other file.

    libsndfile reads a truncated WAV as a shorter one without a word.
    """
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return 0, 0
        file.seek(12)
        while len(head := file.read(8)) == 8:
            name, size = struct.unpack("<4sI", head)
            if name == b"data":
                there = path.stat().st_size - file.tell()
                return (0, 0) if size in _STREAMED else (size, there)
            file.seek(size + size % 2, 1)
    return 0, 0
