"""Keeps a call's sound: both parties in one Ogg Opus file, the agent on the left."""

import asyncio
import logging
from pathlib import Path

import numpy as np
import soundfile

from copilot.audio.frames import MicroTurn
from copilot.sidecar.tap import Tap

log = logging.getLogger(__name__)

BATCH = 25
"""Micro-turns written at once: two seconds."""
BEHIND = 750
"""Micro-turns that may wait for a slow disk: a minute."""


async def record(tap: Tap, path: Path, rate: int) -> None:
    """Write what the tap brings until the call is over; a disk in trouble ends the recording only.

    `rate` is the micro-turns', one of Opus' own, Hz.
    """
    try:
        await _record(tap, path, rate)
    except (OSError, RuntimeError) as error:  # soundfile's own errors are RuntimeErrors
        log.error("%s: the recording ended early: %s", path, error)


async def _record(tap: Tap, path: Path, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    waiting: list[MicroTurn] = []
    file = await asyncio.to_thread(_open, path, rate)
    try:
        async for turn in tap.listen(BEHIND):
            waiting.append(turn)
            if len(waiting) >= BATCH:
                await asyncio.to_thread(_write, file, waiting)
                waiting = []
    finally:
        if waiting:
            _write(file, waiting)
        file.close()


def _open(path: Path, rate: int) -> soundfile.SoundFile:
    return soundfile.SoundFile(path, "w", rate, 2, format="OGG", subtype="OPUS")


def _write(file: soundfile.SoundFile, turns: list[MicroTurn]) -> None:
    file.write(np.concatenate([np.stack((t.agent, t.customer), axis=1) for t in turns]))
