"""A role as the model's prompt: its text in pieces, its voice as columns or codes."""

from collections.abc import Generator
from pathlib import Path

import numpy as np
import torch

from copilot.audio import wav
from copilot.engine.errors import EngineError
from copilot.engine.prompt import Prompt, role_tokens
from copilot.engine.voices import Voice, load_voice, voice_frames
from copilot.errors import AudioError
from copilot.providers.moshi.codec import Pcm, voice_codes
from copilot.providers.moshi.models import Models
from copilot.providers.moshi.plan import Role

ARCHIVES = (".pt", ".safetensors")
LONGEST_S = 20.0
"""Of a recorded voice; the shipped ones are a few seconds."""
LEVEL = 10 ** (-24 / 20)
"""Of a recorded voice, RMS of its louder half: near the -24 LUFS of the reference, which weights
frequencies as well."""
PEAK = 0.9
BLOCK = 1920
"""Samples of which one loudness is taken."""


Steps = Generator[None, None, Prompt | None]


def read_role(role: Role, models: Models, codes: bytes = b"") -> Steps:
    """In steps of at most some hundredths of a second; what the last one gives is None for a role
    that says nothing.

    `codes`: its voice, where `codes_of` has told it before. Raises EngineError that names what
    cannot be used.
    """
    tokens = role_tokens(role.text, models.pieces)
    voice: Voice | torch.Tensor | None = None
    if codes:
        told = torch.frombuffer(bytearray(codes), dtype=torch.int16)
        voice = told.long().reshape(models.lm.config.steps, -1)
    elif role.voice:
        voice = yield from _voice(Path(role.voice), models)
    if not tokens and voice is None:
        return None
    return Prompt(voice, tokens)


def codes_of(prompt: Prompt | None) -> bytes:
    """A recorded voice as another worker may be told it: its file may be gone by then."""
    if prompt is None or not isinstance(prompt.voice, torch.Tensor):
        return b""
    return prompt.voice.to(torch.int16).numpy().tobytes()


def _voice(path: Path, models: Models) -> Generator[None, None, Voice | torch.Tensor]:
    if path.suffix in ARCHIVES:
        return load_voice(path, models.lm.config)
    config = models.codec.config
    rate = config.sample_rate
    try:
        recording = wav.read(path)
    except AudioError as error:
        raise EngineError(f"voice {error}") from None
    if recording.seconds > LONGEST_S:
        raise EngineError(
            f"voice {path}: {recording.seconds:.0f} s; give at most {LONGEST_S:.0f} s of speech"
        )
    pcm = wav.resample(recording.channels[0], recording.rate, rate)
    try:
        voice_frames(torch.from_numpy(pcm.clip(-1, 1)), rate, config)  # what it says of it as it is
    except EngineError as error:
        raise EngineError(f"{path}: {error}") from None
    frames = voice_frames(torch.from_numpy(_levelled(pcm)), rate, config)
    return (yield from voice_codes(models.codec, frames, models.lm.config.steps))


def _levelled(pcm: Pcm) -> Pcm:
    """As loud as voice prompts are, unless its peaks would not have it."""
    power = np.square(pcm)
    blocks = np.sort([float(part.mean()) for part in np.array_split(power, len(pcm) // BLOCK + 1)])
    loud = float(np.sqrt(blocks[len(blocks) // 2 :].mean()))
    return np.asarray(pcm * min(LEVEL / loud, PEAK / float(np.abs(pcm).max())), np.float32)
