"""Recordings of every kind, and every kind of fault."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from copilot.audio.wav import Recording, read, resample, write
from copilot.errors import AudioError

TONE = (0.5 * np.sin(2 * np.pi * 300 * np.arange(4000) / 8000)).astype(np.float32)
STEREO = np.stack((TONE, -TONE), axis=1)


@pytest.mark.parametrize(
    ("subtype", "rate", "error"),
    [
        ("PCM_U8", 8000, 0.01),
        ("PCM_16", 96000, 1e-4),
        ("PCM_24", 44100, 1e-6),
        ("ULAW", 8000, 0.03),
        ("FLOAT", 192000, 0),
        ("DOUBLE", 16000, 1e-7),
    ],
)
def test_any_width_and_rate_is_read(tmp_path: Path, subtype: str, rate: int, error: float) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, STEREO, rate, subtype=subtype)
    recording = read(path)
    assert recording.rate == rate
    assert recording.seconds == 4000 / rate
    agent, customer = recording.channels
    assert agent.dtype == np.float32
    assert agent.flags.c_contiguous
    assert np.allclose(agent, TONE, atol=error)
    assert np.allclose(customer, -TONE, atol=error)


def test_one_channel_is_one_party(tmp_path: Path) -> None:
    path = tmp_path / "agent.flac"
    soundfile.write(path, TONE, 16000)
    assert len(read(path).channels) == 1


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    write(path, Recording((TONE, -TONE), 24000))
    assert np.allclose(read(path).channels[1], -TONE, atol=1e-4)


def test_a_header_of_a_pipe_is_no_fault(tmp_path: Path) -> None:
    path = wav(tmp_path)
    data = bytearray(path.read_bytes())
    size = data.find(b"data") + 4
    data[size : size + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert read(path).channels[0].size == 4000


def wav(folder: Path, samples: np.ndarray = STEREO, rate: int = 8000, **how: str) -> Path:
    path = folder / "call.wav"
    soundfile.write(path, samples, rate, **how)
    return path


def _empty(folder: Path) -> Path:
    path = folder / "call.wav"
    path.touch()
    return path


def _cut(size: int, suffix: str = "wav") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / f"call.{suffix}"
        soundfile.write(path, STEREO, 8000)
        path.write_bytes(path.read_bytes()[:size])
        return path

    return make


def _text(folder: Path) -> Path:
    path = folder / "call.wav"
    path.write_text("not a sound\n" * 50)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "call.wav", "no such file"),
        (lambda folder: folder, "no such file"),
        (_empty, "empty"),
        (_text, "not a recording"),
        (_cut(8044), "truncated, 50 % of its sound"),
        (_cut(44), "holds no sound"),
        (_cut(20), "not a recording"),
        (_cut(1000, "flac"), "not a recording"),
        (lambda folder: wav(folder, np.zeros((0, 1))), "holds no sound"),
        (lambda folder: wav(folder, np.zeros((100, 6))), "6 channels; give one file of two"),
        (lambda folder: wav(folder, rate=100), "100 Hz; give one of 4000 to 384000 Hz"),
        (lambda folder: wav(folder, rate=1_000_000), "1000000 Hz"),
        (lambda folder: wav(folder, STEREO * np.nan, subtype="FLOAT"), "not numbers"),
    ],
)
def test_a_fault_is_named_with_its_remedy(
    tmp_path: Path, make: Callable[[Path], Path], says: str
) -> None:
    path = make(tmp_path)
    with pytest.raises(AudioError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
def test_resampling_keeps_pitch_and_length(rate: int) -> None:
    tone = np.sin(2 * np.pi * 300 * np.arange(rate) / rate).astype(np.float32)
    sound = resample(tone, rate, 24000)
    assert sound.dtype == np.float32
    assert sound.size == pytest.approx(24000, abs=1)
    assert np.argmax(np.abs(np.fft.rfft(sound))) == 300


def test_the_same_rate_needs_no_resampling() -> None:
    assert resample(TONE, 8000, 8000) is TONE
