"""What the serving process and the engine's worker tell each other, beside the sound itself."""

import msgspec
from msgspec import Struct

from copilot.providers.moshi.plan import Role

# ---- to the worker -----------------------------------------------------------------------------


class Attach(Struct, frozen=True, tag=True, array_like=True):
    """Make slots for all seats and begin; the board is the shared memory of that name."""

    board: str


class Prepare(Struct, frozen=True, tag=True, array_like=True):
    """Read a role, so that calls can be opened with it."""

    role: Role
    codes: bytes = b""
    """Its voice, as the worker before told it."""


class Open(Struct, frozen=True, tag=True, array_like=True):
    """Seat a call."""

    seat: int
    serial: int
    """Of the call; frames of another one are not its own."""
    first: int
    """Number of the first frame that it is to hear."""
    role: Role


class Close(Struct, frozen=True, tag=True, array_like=True):
    """The call is over."""

    seat: int
    serial: int


class Speak(Struct, frozen=True, tag=True, array_like=True):
    """Whisper a line, which ends the one before it."""

    seat: int
    serial: int
    whisper: int
    text: str


class Stop(Struct, frozen=True, tag=True, array_like=True):
    """Fall silent."""

    seat: int
    serial: int


class Bye(Struct, frozen=True, tag=True, array_like=True):
    """End."""


ToWorker = Attach | Prepare | Open | Close | Speak | Stop | Bye

# ---- from the worker ---------------------------------------------------------------------------


class Loaded(Struct, frozen=True, tag=True, array_like=True):
    """The models are in memory."""

    device: str
    delay: int
    """Ticks by which the recogniser's words lag."""
    rows: int
    """Tokens of the duplex model in a tick."""
    window: int


class Waiting(Struct, frozen=True, tag=True, array_like=True):
    """The worker waits to be attached, and lives."""


class Ready(Struct, frozen=True, tag=True, array_like=True):
    """Calls can be opened."""


class Broken(Struct, frozen=True, tag=True, array_like=True):
    """The models cannot be used; the worker has ended."""

    error: str


class Prepared(Struct, frozen=True, tag=True, array_like=True):
    """A role can be used, or why it cannot."""

    role: Role
    error: str = ""
    codes: bytes = b""
    """Its voice, where that is a recording."""


class Turned(Struct, frozen=True, tag=True, array_like=True):
    """New results are on the board."""


class Unspoken(Struct, frozen=True, tag=True, array_like=True):
    """A line will not be said."""

    seat: int
    serial: int
    whisper: int
    error: str


FromWorker = Loaded | Waiting | Ready | Broken | Prepared | Turned | Unspoken

# ---- on the board ------------------------------------------------------------------------------


class Spoken(Struct, frozen=True, array_like=True):
    """A word; ticks count the call's frames."""

    text: str
    start: int
    end: int


class Voiced(Struct, frozen=True, array_like=True):
    """One party in one frame."""

    words: tuple[Spoken, ...] = ()
    partial: str = ""
    pause: int = -1
    """Percent that the party has finished; -1 where the recogniser cannot tell."""


class Result(Struct, frozen=True, array_like=True):
    """What one frame of a call brought."""

    agent: Voiced
    customer: Voiced
    wish: int = 0
    """Percent."""
    upcoming: str = ""
    whisper: int = 0
    """Number of the whisper that is being spoken; 0: none."""
    sounds: bool = False
    """Whether there is a frame of it beside this result."""
    last: bool = False
    """Whether it is over."""


_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
to_worker: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
from_worker: msgspec.msgpack.Decoder[FromWorker] = msgspec.msgpack.Decoder(FromWorker)
result: msgspec.msgpack.Decoder[Result] = msgspec.msgpack.Decoder(Result)
