"""What the ear and its recogniser process tell each other over a pair of pipes."""

import struct

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import Party, Word

HEADER = struct.Struct("<I")
"""Length of the message that follows."""


class Start(Struct, frozen=True, tag=True, array_like=True):
    """The first message: what to recognise with."""

    acoustic: str
    model: str
    dictionary: str
    means: dict[Party, str] = {}
    """Cepstral means that an earlier process has learnt."""


class Open(Struct, frozen=True, tag=True, array_like=True):
    """An utterance starts at sample `at` of the call's axis."""

    party: Party
    at: int


class Samples(Struct, frozen=True, tag=True, array_like=True):
    """More of the open utterance: int16 little-endian, mono, 16 kHz."""

    party: Party
    pcm: bytes


class Finish(Struct, frozen=True, tag=True, array_like=True):
    """The utterance is over."""

    party: Party


class Sync(Struct, frozen=True, tag=True, array_like=True):
    """Answer when everything before this is done."""


ToWorker = Start | Open | Samples | Finish | Sync


class Guess(Struct, frozen=True, tag=True, array_like=True):
    """The open utterance as two hypotheses in a row have it."""

    party: Party
    text: str


class Final(Struct, frozen=True, tag=True, array_like=True):
    """The utterance's words, for good."""

    party: Party
    words: tuple[Word, ...]
    means: str
    """The party's cepstral means now."""


class Done(Struct, frozen=True, tag=True, array_like=True):
    """How far the worker is."""

    samples: int
    """Samples of both parties worked through since its start."""


class Synced(Struct, frozen=True, tag=True, array_like=True):
    """Everything before a `Sync` is done."""


FromWorker = Guess | Final | Done | Synced

_encoder = msgspec.msgpack.Encoder()
to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)


def frame(message: ToWorker | FromWorker) -> bytes:
    """The message with its length before it."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body)) + body
