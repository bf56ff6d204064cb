"""One track's packets in any order in, its sound without holes out."""

from typing import NamedTuple

import msgspec
import numpy as np

from copilot.audio.frames import Pcm
from copilot.audio.opus import RTP_RATE, Decoder, OpusError, carries_fec, packet_samples

HOLD = 0.055
"""How long a packet waits for one that is missing before it, seconds.

Just under three packets of 20 ms, so that the third one after a gap finds it over; at 30 ms of
jitter some 0.1 % of the packets come later than this.
"""
FILL = 0.06
"""How far behind the clock sound goes on while no packet comes (a DTX sender's pause), seconds."""
MADE_UP = 0.5
"""How long libopus goes on alone, seconds, before zeros; a DTX sender is heard every 0.4 s."""
JUMP_PACKETS = 500
"""A step of sequence numbers that means another stream: 10 s."""
JUMP_SECONDS = 1.0
"""How far timestamps may run ahead of the clock before they count as restarted."""
STALE_PACKETS = 10
"""Packets in a row from the past that mean that the sender began anew."""
STRAGGLER = 1.0
"""How long packets of the stream before are told from a switch back to it, seconds."""


class Piece(NamedTuple):
    """Sound that is ready."""

    at: int
    """Position of its first sample on the track's timeline, samples at the listener's rate."""
    samples: Pcm
    arrival: float | None
    """When its packet came, seconds; None where the sound was made up."""


class Counts(msgspec.Struct):
    """What befell one track."""

    received: int = 0
    lost: int = 0
    """Packets that were not there in time."""
    recovered: int = 0
    """Lost packets whose copy came in the one after (FEC)."""
    concealed: int = 0
    """Samples made up for lost packets."""
    filled: int = 0
    """Samples made up where the sender sent nothing."""
    late: int = 0
    """Packets that came after they had been given up."""
    repeats: int = 0
    broken: int = 0
    """Packets that were not Opus."""
    restarts: int = 0


class _Packet(NamedTuple):
    arrival: float
    timestamp: int
    payload: bytes


class Reorder:
    """Reorders, recovers and conceals one track.

    Every time is an argument, in seconds of one steady clock. Pieces follow each other without hole
    or overlap. Packets in order come out at once. Sound is never thrown away: what comes after its
    place was filled moves the timeline on.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.counts = Counts()
        self.position = 0
        """End of the sound so far, samples."""
        self.newest: float | None = None
        """When the newest packet came."""
        self._decoder = Decoder(rate)
        self._packet = rate // 50
        self._grain = rate // 400
        self._unit = RTP_RATE // rate
        self._waiting: dict[int, _Packet] = {}
        self._missed: set[int] = set()
        self._next = 0
        self._ssrc = -1
        self._before = (-1, 0.0)
        self._stale = 0
        self._made = 0
        # the last packet that was placed: its timestamp, place, end and arrival
        self._stamp, self._at, self._end, self._arrival = 0, 0, 0, 0.0

    def push(
        self, arrival: float, seq: int, timestamp: int, payload: bytes, ssrc: int = 0
    ) -> list[Piece]:
        """Take one RTP packet (16-bit `seq`, 32-bit `timestamp`) and give what is ready by now."""
        pieces: list[Piece] = []
        self.counts.received += 1
        if self._is_straggler(arrival, ssrc):
            self.counts.late += 1
            return pieces
        packet = _Packet(arrival, timestamp, payload)
        step = ((seq - self._next + 0x8000) & 0xFFFF) - 0x8000
        if self.newest is None or ssrc != self._ssrc or abs(step) > JUMP_PACKETS:
            self._restart(packet, seq, ssrc, pieces)
            step = 0
        self.newest = arrival
        number = self._next + step
        if step < 0 and not self._came_late(number):
            self._restart(packet, seq, ssrc, pieces)
            number = self._next
        if number >= self._next:
            self._stale = 0
            if number in self._waiting:
                self.counts.repeats += 1
            self._waiting.setdefault(number, packet)
        self._drain(arrival, pieces)
        return pieces

    def poll(self, now: float) -> list[Piece]:
        """Give what time has made due: packets that have waited enough, and fill for a pause."""
        pieces: list[Piece] = []
        if self._waiting:
            self._drain(now, pieces)
        elif self.newest is not None:
            due = self._end + int((now - self._arrival - FILL) * self.rate)
            packets = (due - self.position) // self._packet
            if packets > 0:
                self.counts.filled += packets * self._packet
                self._conceal(packets * self._packet, pieces)
        return pieces

    def place(self, timestamp: int) -> int:
        """Position of a 32-bit RTP timestamp that lies near the newest packet's."""
        step = ((timestamp - self._stamp + 0x80000000) & 0xFFFFFFFF) - 0x80000000
        return self._at + step // self._unit

    def _is_straggler(self, arrival: float, ssrc: int) -> bool:
        before, switched = self._before
        return ssrc == before and ssrc != self._ssrc and arrival - switched < STRAGGLER

    def _came_late(self, number: int) -> bool:
        """Whether a packet from the past is dropped; False where the sender has begun anew."""
        self._stale += 1
        if self._stale > STALE_PACKETS:
            return False
        if number in self._missed:
            self._missed.discard(number)
            self.counts.late += 1
        else:
            self.counts.repeats += 1
        return True

    def _restart(self, packet: _Packet, seq: int, ssrc: int, pieces: list[Piece]) -> None:
        """Begin another stream at the place that the clock gives it."""
        if self.newest is not None:
            self._drain(float("inf"), pieces)
            self._decoder.reset()
            self.counts.restarts += 1
            since = round((packet.arrival - self._arrival) * self.rate) - self._packet
            self._at = max(self.position, self._end + since // self._grain * self._grain)
        if ssrc != self._ssrc:
            self._before = (self._ssrc, packet.arrival)
        self._ssrc, self._stamp, self._arrival = ssrc, packet.timestamp, packet.arrival
        self._next, self._end, self._stale = seq, self._at, 0
        self._missed = set(range(seq - STALE_PACKETS, seq))

    def _drain(self, now: float, pieces: list[Piece]) -> None:
        while self._waiting:
            packet = self._waiting.pop(self._next, None)
            if packet is None:
                if now - next(iter(self._waiting.values())).arrival < HOLD:
                    return
                self._give_up(pieces)
                continue
            self._next += 1
            if packet.payload:
                self._play(packet, pieces)

    def _give_up(self, pieces: list[Piece]) -> None:
        """Make good for every packet before the first one that is there."""
        first = min(self._waiting)
        packet = self._waiting[first]
        self.counts.lost += first - self._next
        self._missed = {*(n for n in self._missed if n > first - JUMP_PACKETS)}
        self._missed.update(range(self._next, first))
        self._next = first
        hole = self._place(packet) - self.position
        copy = self._copy_before(packet.payload) if hole > 0 else None
        if copy is not None:
            self.counts.recovered += 1
            copy = copy[-hole:]
            hole -= copy.size
        if hole > 0:
            self.counts.concealed += hole
            self._conceal(hole, pieces)
        if copy is not None:
            self._emit(copy, None, pieces)

    def _copy_before(self, payload: bytes) -> Pcm | None:
        try:
            if carries_fec(payload):
                return self._decoder.recover(payload, packet_samples(payload, self.rate))
        except OpusError:
            pass  # counted when the packet itself is played
        return None

    def _place(self, packet: _Packet) -> int:
        """Where a packet belongs: by its timestamp, or by the clock where that has run ahead."""
        at = self.place(packet.timestamp)
        elapsed = round((packet.arrival - self._arrival) * self.rate)
        if at - self._at - elapsed > JUMP_SECONDS * self.rate:
            at = self._at + elapsed // self._grain * self._grain
        return max(at, self.position)

    def _play(self, packet: _Packet, pieces: list[Piece]) -> None:
        at = self._place(packet)
        if at > self.position:
            self.counts.filled += at - self.position
            self._conceal(at - self.position, pieces)
        self._stamp, self._at, self._arrival = packet.timestamp, at, packet.arrival
        try:
            samples = self._decoder.decode(packet.payload)
        except OpusError:
            self.counts.broken += 1
            self.counts.concealed += self._packet
            self._conceal(self._packet, pieces)
        else:
            self._made = 0
            self._emit(samples, packet.arrival, pieces)
        self._end = self.position

    def _conceal(self, samples: int, pieces: list[Piece]) -> None:
        """Go on for `samples`: comfort noise or a fading voice at first, then zeros."""
        while samples > 0:
            count = min(samples, self._packet)
            grains = count - count % self._grain
            alone = grains > 0 and self._made < MADE_UP * self.rate
            sound = self._decoder.conceal(grains) if alone else np.zeros(count, np.float32)
            self._made += sound.size
            samples -= sound.size
            self._emit(sound, None, pieces)

    def _emit(self, samples: Pcm, arrival: float | None, pieces: list[Piece]) -> None:
        pieces.append(Piece(self.position, samples, arrival))
        self.position += samples.size
