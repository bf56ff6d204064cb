"""libopus through ctypes: decoding straight to the listener's rate, repair of losses, encoding."""

import ctypes
import ctypes.util
import functools
import importlib.util
from pathlib import Path

import numpy as np

from copilot.audio.frames import Pcm
from copilot.errors import UserError

RATES = (8000, 12000, 16000, 24000, 48000)
"""Sample rates that Opus codes at, Hz (RFC 6716, section 2.1.3)."""
RTP_RATE = 48000
"""Opus counts RTP time at this rate whatever it codes at (RFC 7587, section 4.1)."""

# opus_defines.h
_OK = 0
_APPLICATION_VOIP = 2048
_SET_BITRATE = 4002
_SET_COMPLEXITY = 4010
_SET_INBAND_FEC = 4012
_SET_PACKET_LOSS_PERC = 4014
_SET_DTX = 4016
_RESET_STATE = 4028
_LONGEST_MS = 120
_LARGEST_PACKET = 1275


class OpusError(Exception):
    """A packet that is not Opus, or a size that Opus cannot do."""


@functools.cache
def library() -> ctypes.CDLL:
    """The libopus of PyAV's wheel, else the system's; raises UserError where there is none."""
    for name in _candidates():
        try:
            return _declare(ctypes.CDLL(name))
        except (OSError, AttributeError):
            continue
    raise UserError(
        "libopus: not found, neither in the package av nor on this system; "
        "install the wheel of av (pip install av) or the system's libopus (Debian: libopus0)"
    )


def version() -> str:
    """``libopus 1.6.1`` or the like."""
    text: bytes = library().opus_get_version_string()
    return text.decode()


def _candidates() -> list[str]:
    names: list[str] = []
    spec = importlib.util.find_spec("av")
    if spec is not None and spec.origin is not None:
        package = Path(spec.origin).parent
        for folder in (package.parent / "av.libs", package / ".dylibs"):
            names += sorted(str(path) for path in folder.glob("*opus*"))
    system = ctypes.util.find_library("opus")
    return [*names, *([system] if system else []), "libopus.so.0"]


def _declare(lib: ctypes.CDLL) -> ctypes.CDLL:
    pointer, c_int = ctypes.c_void_p, ctypes.c_int
    lib.opus_get_version_string.restype = ctypes.c_char_p
    lib.opus_strerror.restype = ctypes.c_char_p
    lib.opus_strerror.argtypes = [c_int]
    lib.opus_packet_get_nb_samples.argtypes = [ctypes.c_char_p, ctypes.c_int32, ctypes.c_int32]
    lib.opus_decoder_create.restype = pointer
    lib.opus_decoder_create.argtypes = [ctypes.c_int32, c_int, pointer]
    lib.opus_decoder_destroy.argtypes = [pointer]
    lib.opus_decoder_ctl.argtypes = [pointer, c_int]
    lib.opus_decode_float.argtypes = [
        pointer,
        ctypes.c_char_p,
        ctypes.c_int32,
        pointer,
        c_int,
        c_int,
    ]
    lib.opus_encoder_create.restype = pointer
    lib.opus_encoder_create.argtypes = [ctypes.c_int32, c_int, c_int, pointer]
    lib.opus_encoder_destroy.argtypes = [pointer]
    lib.opus_encoder_ctl.argtypes = [pointer, c_int]
    lib.opus_encode_float.argtypes = [pointer, pointer, c_int, pointer, ctypes.c_int32]
    return lib


def packet_samples(payload: bytes, rate: int) -> int:
    """How many samples at `rate` a packet holds; raises OpusError if it is not Opus."""
    return _checked(library().opus_packet_get_nb_samples(payload, len(payload), rate))


def carries_fec(payload: bytes) -> bool:
    """Whether a packet holds a copy of the one before it; raises OpusError if it is not Opus."""
    has = getattr(library(), "opus_packet_has_lbrr", None)  # since libopus 1.4
    return has is None or _checked(has(payload, len(payload))) > 0


def _checked(code: int) -> int:
    if code < _OK:
        raise OpusError(library().opus_strerror(code).decode())
    return code


def _check_rate(rate: int) -> None:
    if rate not in RATES:
        raise OpusError(f"{rate} Hz: Opus codes at {', '.join(map(str, RATES))} Hz")


class Decoder:
    """Decodes one stream to mono at one rate; stereo streams are mixed down by libopus."""

    def __init__(self, rate: int) -> None:
        """`rate` is one of RATES, else OpusError; raises UserError where there is no libopus."""
        _check_rate(rate)
        self.rate = rate
        self._lib = library()
        code = ctypes.c_int()
        self._state = self._lib.opus_decoder_create(rate, 1, ctypes.byref(code))
        _checked(code.value)
        self._out = np.empty(rate * _LONGEST_MS // 1000, np.float32)
        self._address = self._out.ctypes.data

    def decode(self, payload: bytes) -> Pcm:
        """The packet's samples; raises OpusError if it is not Opus."""
        return self._run(payload, self._out.size, 0)

    def recover(self, following: bytes, samples: int) -> Pcm:
        """The `samples` before a packet, from the coarser copy that it carries (in-band FEC).

        Where it carries none, libopus conceals. `samples` is a multiple of 2.5 ms, at most 120 ms.
        """
        return self._run(following, samples, 1)

    def conceal(self, samples: int) -> Pcm:
        """Exactly `samples` of made-up sound that goes on from the last.

        `samples` is a multiple of 2.5 ms, at most 120 ms.
        """
        return self._run(None, samples, 0)

    def reset(self) -> None:
        """Forget the stream: the next packet begins another one."""
        _checked(self._lib.opus_decoder_ctl(self._state, _RESET_STATE))

    def _run(self, payload: bytes | None, samples: int, fec: int) -> Pcm:
        if not 0 < samples <= self._out.size:
            raise OpusError(f"{samples} samples: more than 0 and at most {self._out.size} at once")
        size = len(payload) if payload else 0
        if payload is not None and not size:
            raise OpusError("an empty packet")
        count = self._lib.opus_decode_float(self._state, payload, size, self._address, samples, fec)
        if count < _OK:
            _checked(count)
        return self._out[:count].copy()

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_decoder_destroy(self._state)


class Encoder:
    """Encodes mono speech in packets of 20 ms."""

    def __init__(
        self,
        rate: int = 24000,
        bitrate: int = 24000,
        expected_loss: int = 0,
        complexity: int = 5,
        dtx: bool = False,
    ) -> None:
        """`bitrate` in bit/s; `expected_loss` in percent, over 0 switches in-band FEC on.

        Keep the bitrate at or under 32,000: above it Opus may leave the mode that has FEC.
        Complexity 5 of 10 costs three quarters of the default's time at no difference for speech.
        Raises OpusError for a rate that is not one of RATES.
        """
        _check_rate(rate)
        self.rate = rate
        self.samples = rate // 50
        self._lib = library()
        code = ctypes.c_int()
        self._state = self._lib.opus_encoder_create(rate, 1, _APPLICATION_VOIP, ctypes.byref(code))
        _checked(code.value)
        self._out = ctypes.create_string_buffer(_LARGEST_PACKET)
        for request, value in (
            (_SET_BITRATE, bitrate),
            (_SET_COMPLEXITY, complexity),
            (_SET_INBAND_FEC, int(expected_loss > 0)),
            (_SET_PACKET_LOSS_PERC, expected_loss),
            (_SET_DTX, int(dtx)),
        ):
            _checked(self._lib.opus_encoder_ctl(self._state, request, ctypes.c_int32(value)))

    def encode(self, pcm: Pcm) -> bytes:
        """One packet from exactly ``rate / 50`` samples.

        With `dtx`, a packet of 1 or 2 bytes need not be sent.
        """
        if pcm.shape != (self.samples,):
            raise OpusError(f"{pcm.shape} samples: a packet takes ({self.samples},)")
        data = np.ascontiguousarray(pcm, np.float32)
        size = _checked(
            self._lib.opus_encode_float(
                self._state, data.ctypes.data, self.samples, self._out, _LARGEST_PACKET
            )
        )
        return self._out.raw[:size]

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self._lib.opus_encoder_destroy(self._state)
