"""Frames on the pipes between the voice and its process: kind, utterance, length, payload."""

import struct
from enum import IntEnum

HEADER = struct.Struct("<BII")
RATE = 22_050
"""What eSpeak NG's voices are made for, Hz."""


class Kind(IntEnum):
    """What a frame is."""

    SAY = 1
    """To the process: UTF-8 text, more of the same line follows."""
    SAY_LAST = 2
    """To the process: UTF-8 text that ends a line, spoken without a closing pause."""
    CANCEL = 3
    """To the process: nobody listens to this utterance any more."""
    READY = 4
    """From the process: it has its voice."""
    SAMPLES = 5
    """From the process: mono int16 samples at `RATE`."""
    DONE = 6
    """From the process: the utterance is over."""
    REFUSED = 7
    """From the process: it cannot start; UTF-8 reason."""


def frame(kind: Kind, utterance: int = 0, payload: bytes = b"") -> bytes:
    return HEADER.pack(kind, utterance, len(payload)) + payload
