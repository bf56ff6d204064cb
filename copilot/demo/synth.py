"""Makes a script into two recordings, one a party, and keeps them until script or voice change."""

import asyncio
import hashlib
import importlib.metadata
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import numpy as np
import soundfile
import soxr
from msgspec import Struct

from copilot.audio.frames import Pcm
from copilot.config.sections import Provider
from copilot.core.vocabulary import Party
from copilot.demo.script import Manner, Placed, Script, duration_ms, expected, load, place
from copilot.errors import AudioError
from copilot.evaluate.questions import Expected
from copilot.ports import Voice
from copilot.providers import registry

RATE = 24_000
"""Sample rate of the recordings, Hz: what Opus takes as it is."""
_VERSION = 1
"""Counts changes of this file that change the sound."""
_LEVEL = 10 ** (-23 / 20)
"""Level of a line, RMS: broadcast's -23 dB under full scale (EBU R 128)."""
_PEAK = 0.9
_FLOOR = 1e-4
"""Noise of a quiet line, RMS: -80 dB under full scale, so that silence is not digital zero."""
_AUDIBLE = 0.02
"""Share of a line's peak under which its two ends count as silence."""

Voices = Callable[[Manner], Voice]
Progress = Callable[[int, int], None]
"""Called with lines made and lines in all."""


class SampleCall(Struct, frozen=True):
    """A scripted call as sound."""

    script: Script
    agent: Path
    """Recording of the agent: WAV, mono, 16 bit, RATE Hz."""
    customer: Path
    """The customer's, of the same length."""
    placed: tuple[Placed, ...]

    @property
    def expected(self) -> Expected:
        return expected(self.placed, self.script.targets)

    @property
    def duration_ms(self) -> int:
        return duration_ms(self.placed)


def espeak_voices(cache: Path) -> Voices:
    """The voices of the sample; raises ConfigError as the provider does."""

    def open_voice(manner: Manner) -> Voice:
        chosen = Provider.model_validate({"provider": "espeak", **msgspec.structs.asdict(manner)})
        return registry.voice(chosen, registry.Host(cache))

    return open_voice


def voice_version() -> str:
    """What the sound depends on beside the script."""
    try:
        return importlib.metadata.version("espeakng-loader")
    except importlib.metadata.PackageNotFoundError:
        return "none"


async def sample_call(
    cache: Path,
    voices: Voices | None = None,
    script: Script | None = None,
    progress: Progress = lambda made, total: None,
) -> SampleCall:
    """The sample call's recordings under `cache`, made now if they are not there.

    Raises ConfigError where the voice cannot be had, AudioError where `cache` cannot be written.
    """
    script = script or load()
    folder = cache / f"sample-{_key(script)}"
    placed = _kept(folder, script)
    if placed is None:
        placed = await _make(folder, script, voices or espeak_voices(cache), progress)
    return SampleCall(script, folder / "agent.wav", folder / "customer.wav", placed)


def _key(script: Script) -> str:
    said = msgspec.json.encode((_VERSION, voice_version(), script.parties, script.lines))
    return hashlib.sha256(said).hexdigest()[:16]


def _kept(folder: Path, script: Script) -> tuple[Placed, ...] | None:
    """The lines' places of an earlier run; the folder appears whole or not at all."""
    try:
        lengths = msgspec.json.decode((folder / "lengths.json").read_bytes(), type=list[int])
    except (OSError, msgspec.DecodeError):
        return None
    return place(script.lines, lengths) if len(lengths) == len(script.lines) else None


async def _make(
    folder: Path, script: Script, voices: Voices, progress: Progress
) -> tuple[Placed, ...]:
    sounds = await _say_all(script, voices, progress)
    lengths = [round(len(sound) * 1000 / RATE) for sound in sounds]
    placed = place(script.lines, lengths)
    await asyncio.to_thread(_write, folder, placed, sounds, lengths)
    return placed


async def _say_all(script: Script, voices: Voices, progress: Progress) -> list[Pcm]:
    sounds: list[Pcm] = []
    async with _opened(voices, {script.manner(line) for line in script.lines}) as opened:
        for line in script.lines:
            progress(len(sounds), len(script.lines))
            voice = opened[script.manner(line)]
            chunks = [chunk async for chunk in voice.say(line.text)]
            sounds.append(level(chunks, voice.rate))
    progress(len(sounds), len(script.lines))
    return sounds


@asynccontextmanager
async def _opened(voices: Voices, manners: Iterable[Manner]) -> AsyncIterator[dict[Manner, Voice]]:
    opened: dict[Manner, Voice] = {}
    try:
        for manner in manners:
            opened[manner] = voices(manner)
        yield opened
    finally:
        for voice in opened.values():
            await voice.close()


def level(chunks: Sequence[Pcm], rate: int) -> Pcm:
    """One line without silence at its ends, at RATE and the common level."""
    sound: Pcm = np.concatenate(chunks) if chunks else np.zeros(rate // 10, np.float32)
    audible = np.flatnonzero(np.abs(sound) > _AUDIBLE * np.abs(sound).max())
    if len(audible):
        sound = sound[audible[0] : audible[-1] + 1]
    level = float(np.sqrt(np.mean(sound**2)))
    peak = float(np.abs(sound).max())
    if level > 0:
        sound = sound * np.float32(min(_LEVEL / level, _PEAK / peak))
    resampled: Pcm = soxr.resample(sound, rate, RATE, quality="HQ").astype(np.float32)
    return resampled


def mix(placed: Sequence[Placed], sounds: Sequence[Pcm], party: Party) -> Pcm:
    """The party's side of the call: its lines over a faint noise, RATE Hz."""
    noise = np.random.default_rng(list(Party).index(party))
    track: Pcm = noise.normal(0, _FLOOR, duration_ms(placed) * RATE // 1000).astype(np.float32)
    for one, sound in zip(placed, sounds, strict=True):
        if one.line.party is party:
            start = one.start_ms * RATE // 1000
            track[start : start + len(sound)] += sound
    return np.clip(track, -1, 1)


def _write(
    folder: Path, placed: Sequence[Placed], sounds: Sequence[Pcm], lengths: Sequence[int]
) -> None:
    """Write beside the folder, then rename: a reader never sees half of it."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            for party in Party:
                track = mix(placed, sounds, party)
                soundfile.write(draft / f"{party}.wav", track, RATE, subtype="PCM_16")
            (draft / "lengths.json").write_bytes(msgspec.json.encode(list(lengths)))
            _replace(draft, folder)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise AudioError(
            f"{folder}: the sample call cannot be kept there ({error.strerror or error}); "
            "give another data folder"
        ) from None


def _replace(draft: Path, folder: Path) -> None:
    if folder.exists() and not (folder / "lengths.json").exists():
        shutil.rmtree(folder)
    try:
        draft.rename(folder)
    except OSError:
        # another process was quicker: its recordings are as good
        if not (folder / "lengths.json").exists():
            raise
