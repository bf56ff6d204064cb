"""What the client process tells its parent: one JSON line a note."""

import msgspec
from msgspec import Struct


class Connected(Struct, frozen=True, tag="connected"):
    """The call is up; its sound begins now."""

    call_id: str
    media_ms: int
    """Length of the recordings."""


class Playing(Struct, frozen=True, tag="playing"):
    """How far the recordings have been played."""

    at_ms: int


class Arrived(Struct, frozen=True, tag="arrived"):
    """A message of the data channel."""

    at_ms: float
    """When it came, on the recordings' axis."""
    body: str


class Touched(Struct, frozen=True, tag="touched"):
    """The client used a card as an agent would."""

    at_ms: float
    inquiry: int


class Ended(Struct, frozen=True, tag="ended"):
    """The recordings are over and the call was hung up."""

    at_ms: int
    earpiece_ms: int
    """How much sound came to the earpiece."""


class Broken(Struct, frozen=True, tag="broken"):
    """The call could not be placed or broke off."""

    message: str


Note = Connected | Playing | Arrived | Touched | Ended | Broken

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Note] = msgspec.json.Decoder(Note)


def encode(note: Note) -> bytes:
    """One line, with its newline."""
    return _encoder.encode(note) + b"\n"


def decode(line: bytes) -> Note:
    """The note that ``encode`` wrote; raises ``msgspec.DecodeError`` for anything else."""
    return _decoder.decode(line)
