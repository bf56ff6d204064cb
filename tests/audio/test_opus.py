"""libopus: what is coded comes back, what is lost is made good to the sample."""

import ctypes

import numpy as np
import pytest

from copilot.audio import opus
from copilot.audio.opus import RATES, Decoder, Encoder, OpusError
from copilot.bench.wire import send, speech
from copilot.errors import UserError


@pytest.mark.parametrize("rate", RATES)
def test_a_tone_survives_at_every_rate(rate: int) -> None:
    tone = (0.3 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.float32)
    encoder, decoder = Encoder(rate), Decoder(rate)
    packets = [encoder.encode(block) for block in tone.reshape(50, -1)]
    sound = np.concatenate([decoder.decode(packet) for packet in packets])
    assert sound.dtype == np.float32
    assert sound.size == rate
    assert np.argmax(np.abs(np.fft.rfft(sound[rate // 2 :]))) == 220
    assert np.std(sound) == pytest.approx(np.std(tone), rel=0.05)


@pytest.mark.parametrize(("sent_at", "heard_at"), [(24000, 16000), (48000, 24000), (8000, 24000)])
def test_decodes_straight_to_the_listeners_rate(sent_at: int, heard_at: int) -> None:
    payload = Encoder(sent_at).encode(np.zeros(sent_at // 50, np.float32))
    assert Decoder(heard_at).decode(payload).size == heard_at // 50
    assert opus.packet_samples(payload, heard_at) == heard_at // 50


def test_conceals_exactly_what_is_missing() -> None:
    decoder = Decoder(24000)
    decoder.decode(send(speech(1))[40].payload)
    assert [decoder.conceal(count).size for count in (60, 480, 1440, 2880)] == [60, 480, 1440, 2880]


def test_the_packet_after_brings_the_lost_one_back() -> None:
    """The copy is far nearer to the lost sound than what concealment makes up."""
    packets = [packet.payload for packet in send(speech(8), loss=20)]
    errors: dict[str, float] = {"copy": 0.0, "made up": 0.0}
    lost = [n for n in range(60, 380, 7) if opus.carries_fec(packets[n + 1])]
    assert len(lost) > 10
    whole = _decoded(packets, Decoder(24000))
    for n in lost:
        for how in errors:
            decoder = Decoder(24000)
            _decoded(packets[:n], decoder)
            sound = decoder.recover(packets[n + 1], 480) if how == "copy" else decoder.conceal(480)
            errors[how] += float(np.square(_spectrum(sound) - _spectrum(whole[n])).mean())
    assert errors["copy"] < 0.6 * errors["made up"]


def _decoded(packets: list[bytes], decoder: Decoder) -> list[np.ndarray]:
    return [decoder.decode(packet) for packet in packets]


def _spectrum(sound: np.ndarray) -> np.ndarray:
    bands = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))[:160].reshape(-1, 4).mean(axis=1)
    return np.asarray(20 * np.log10(bands + 1e-3))


def test_reset_begins_another_stream() -> None:
    packets = [packet.payload for packet in send(speech(1))]
    decoder = Decoder(24000)
    first = _decoded(packets, decoder)
    decoder.reset()
    assert np.array_equal(np.concatenate(first), np.concatenate(_decoded(packets, decoder)))


def test_dtx_says_that_a_pause_need_not_be_sent() -> None:
    encoder = Encoder(24000, dtx=True)
    sizes = [len(encoder.encode(np.zeros(480, np.float32))) for _ in range(60)]
    assert sum(size <= 2 for size in sizes) > 30


@pytest.mark.parametrize("payload", [b"", b"\xff\xff\xff", b"\x03"])
def test_what_is_not_opus_is_refused(payload: bytes) -> None:
    decoder = Decoder(24000)
    with pytest.raises(OpusError):
        decoder.decode(payload)
    assert decoder.conceal(480).size == 480


def test_sizes_and_rates_that_opus_has_not_are_refused() -> None:
    with pytest.raises(OpusError, match="44100 Hz"):
        Decoder(44100)
    with pytest.raises(OpusError, match="22050 Hz"):
        Encoder(22050)
    with pytest.raises(OpusError, match="a packet takes"):
        Encoder(24000).encode(np.zeros(479, np.float32))
    with pytest.raises(OpusError):
        Decoder(24000).conceal(61)
    with pytest.raises(OpusError, match="more than 0"):
        Decoder(24000).conceal(0)


def test_without_a_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "_candidates", lambda: ["libno-such-thing.so.0"])
    with pytest.raises(UserError, match="libopus0"):
        opus.library.__wrapped__()


def test_the_wheels_library_comes_first() -> None:
    names = opus._candidates()
    assert "av.libs" in names[0] or "dylibs" in names[0]
    assert isinstance(ctypes.CDLL(names[0]), ctypes.CDLL)
    assert opus.version().startswith("libopus 1.")
