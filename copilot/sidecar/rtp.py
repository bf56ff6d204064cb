"""A call's sound, taken from aiortc's receivers before aiortc's own jitter buffer."""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import msgspec
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import AnyRtcpPacket, RtcpSrPacket, RtpPacket

from copilot.audio.frames import TICK, Aligner, MicroTurn, Pcm
from copilot.audio.opus import RTP_RATE
from copilot.audio.reorder import Counts, Piece, Reorder
from copilot.core.vocabulary import Party
from copilot.errors import SignalError

STEP = 0.02
"""How often waiting packets and pauses are looked after, seconds: one Opus packet."""
CATCH_UP = 2.0
"""How far the beat may lag behind the clock before it gives the time in between up, seconds."""
ABSENT = 2.0
"""How long no packet comes before a party counts as absent (hold, network), seconds."""
LATE = 3 * TICK
"""From when a tick counts as late, seconds after its last sound: waiting for a leg takes less."""

OPUS_WISH = "minptime=10;useinbandfec=1;usedtx=0;stereo=0;maxaveragebitrate=32000"
"""What this side would like to receive: mono speech that carries its own repair (RFC 7587, 6.1)."""


class TrackStats(msgspec.Struct, frozen=True):
    """One party's track so far."""

    counts: Counts
    absent: bool
    """No packet for two seconds, or none yet."""
    drift_ms: float
    """How much later than the clock says the party is given."""


class AudioStats(msgspec.Struct, frozen=True):
    """A call's sound so far."""

    ticks: int
    late_ticks: int
    """Ticks given more than 240 ms after their last sound."""
    lag: int
    """Ticks that wait for the ear."""
    tracks: dict[Party, TrackStats]
    disagreement_ms: float | None
    """How far the senders' clocks and the arrivals disagree on how the tracks lie to each other.

    Means something only where one machine sends both; None until both have reported.
    """


class _Track(NamedTuple):
    reorder: Reorder
    report: list[float]
    """The sender's clock at position 0, seconds, by its latest report; empty before the first."""


class CallAudio:
    """The sound of one peer connection as micro-turns; lives on the connection's own loop."""

    def __init__(self, rate: int, sounded: Callable[[Party, Pcm], None] | None = None) -> None:
        """`rate` is the listener's, one of `opus.RATES`, Hz.

        `sounded` gets each party's samples packet by packet, before they lie on the grid.
        """
        self.rate = rate
        self._sounded = sounded
        self._aligner = Aligner(rate)
        self._tracks: dict[Party, _Track] = {}
        self._sources: dict[Party, RTCRtpReceiver] = {}
        self._ready: asyncio.Queue[MicroTurn | None] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()
        # all calls beat together, so that the loop wakes once for them
        self._due = math.ceil(self._loop.time() / STEP) * STEP
        self._ticks = self._late = 0
        self._closed = False
        self._timer = self._loop.call_at(self._due, self._beat)

    def tap(self, receiver: RTCRtpReceiver, party: Party) -> None:
        """Take the receiver's packets as the party's; nobody needs to consume its track any more.

        Call it after ``setRemoteDescription`` and before ``setLocalDescription``. A call that is
        resumed over another connection goes on by the clock: the receiver before is heard no more.
        """
        track = self._tracks.setdefault(party, _Track(Reorder(self.rate), []))
        self._sources[party] = receiver
        statistics: dict[int, StreamStatistics] = _private(receiver, "remote_streams")
        codecs: dict[int, RTCRtpCodecParameters] = _private(receiver, "codecs")
        theirs = receiver._handle_rtcp_packet

        async def on_rtp(packet: RtpPacket, arrival_time_ms: int) -> None:
            codec = codecs.get(packet.payload_type)
            if not receiver._enabled or codec is None or not _is_opus(codec):
                return
            if self._sources[party] is not receiver:
                return
            # without these no receiver reports go out, and the sender never learns of its losses
            if packet.ssrc not in statistics:
                statistics[packet.ssrc] = StreamStatistics(RTP_RATE)
            statistics[packet.ssrc].add(packet)
            now = self._loop.time()
            pieces = track.reorder.push(
                now, packet.sequence_number, packet.timestamp, packet.payload, packet.ssrc
            )
            self._take(party, pieces)
            self._give(now)

        async def on_rtcp(packet: AnyRtcpPacket) -> None:
            # a report sent before the first packet carries timestamp 0
            if isinstance(packet, RtcpSrPacket) and packet.sender_info.rtp_timestamp:
                at = track.reorder.place(packet.sender_info.rtp_timestamp) / self.rate
                track.report[:] = [packet.sender_info.ntp_timestamp / 2**32 - at]
            await theirs(packet)

        receiver._handle_rtp_packet = on_rtp  # type: ignore[method-assign]
        receiver._handle_rtcp_packet = on_rtcp  # type: ignore[method-assign]

    async def turns(self) -> AsyncIterator[MicroTurn]:
        """Micro-turns as they become due, from the first packet of either party until `close`."""
        while (turn := await self._ready.get()) is not None:
            yield turn

    def close(self) -> None:
        """End `turns` after what is ready by now."""
        if not self._closed:
            self._closed = True
            self._timer.cancel()
            self._ready.put_nowait(None)

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def absent(self) -> frozenset[Party]:
        """Parties of whom no packet came for two seconds (hold, network), or none yet."""
        now = self._loop.time()
        return frozenset(party for party in Party if self._is_absent(party, now))

    def stats(self) -> AudioStats:
        """What befell the call's sound so far."""
        now = self._loop.time()
        tracks = {
            party: TrackStats(
                counts=msgspec.structs.replace(track.reorder.counts),
                absent=self._is_absent(party, now),
                drift_ms=round(self._aligner.drift(party) * 1000, 1),
            )
            for party, track in self._tracks.items()
        }
        lag = self._ready.qsize()
        return AudioStats(self._ticks, self._late, lag, tracks, self._disagreement())

    def _is_absent(self, party: Party, now: float) -> bool:
        track = self._tracks.get(party)
        newest = track.reorder.newest if track else None
        return newest is None or now - newest > ABSENT

    def _disagreement(self) -> float | None:
        clocks: list[float] = []
        for party in Party:
            track = self._tracks.get(party)
            if track is None or not track.report or track.reorder.newest is None:
                return None
            clocks.append(track.report[0] - self._aligner.offset(party))
        return round((clocks[0] - clocks[1]) * 1000, 1)

    def _beat(self) -> None:
        """Look after what time makes due, one step for each that the clock has gone.

        After a stall of the loop the steps follow each other, one a turn of the loop, so that the
        packets that came meanwhile are read before their absence is filled.
        """
        for party, track in self._tracks.items():
            self._take(party, track.reorder.poll(self._due))
        self._give(self._due)
        self._due = max(self._due + STEP, self._loop.time() - CATCH_UP)
        self._timer = self._loop.call_at(self._due, self._beat)

    def _take(self, party: Party, pieces: list[Piece]) -> None:
        for piece in pieces:
            self._aligner.push(party, *piece)
            if self._sounded is not None:
                self._sounded(party, piece.samples)

    def _give(self, now: float) -> None:
        if self._closed:
            return
        for turn in self._aligner.turns(now):
            self._ticks += 1
            self._late += now - self._aligner.due(turn.tick) > LATE
            self._ready.put_nowait(turn)


def _private(receiver: RTCRtpReceiver, name: str) -> Any:
    return getattr(receiver, f"_RTCRtpReceiver__{name}")


def _is_opus(codec: RTCRtpCodecParameters) -> bool:
    return codec.mimeType.lower() == "audio/opus"


def opus_only(pc: RTCPeerConnection) -> None:
    """Answer every audio section with Opus alone, so that no other payload arrives.

    Call it between ``setRemoteDescription`` and ``createAnswer``. Raises SignalError where a
    section offers no Opus.
    """
    for transceiver in pc.getTransceivers():
        if transceiver.kind == "audio":
            _prefer_opus(transceiver)


def _prefer_opus(transceiver: RTCRtpTransceiver) -> None:
    capabilities = RTCRtpReceiver.getCapabilities("audio")
    assert capabilities is not None
    transceiver.setCodecPreferences(
        [codec for codec in capabilities.codecs if codec.mimeType.lower() == "audio/opus"]
    )
    # the offer's codecs were matched before the preference could be known
    transceiver._codecs = [codec for codec in transceiver._codecs if _is_opus(codec)]
    if not transceiver._codecs:
        raise SignalError(
            f"the audio section mid={transceiver.mid} offers no Opus; offer opus/48000/2 in each"
        )


def munge_answer(sdp: str) -> str:
    """The answer with a wish for in-band FEC, no DTX and mono at 32 kbit/s in each Opus section.

    aiortc answers Opus without parameters; a sender then has no reason to send FEC (RFC 7587).
    """
    for payload_type in set(re.findall(r"^a=rtpmap:(\d+) opus/48000/2\r?$", sdp, re.MULTILINE)):
        sdp = re.sub(rf"^a=fmtp:{payload_type} .*\n", "", sdp, flags=re.MULTILINE)
        sdp = re.sub(
            rf"^(a=rtpmap:{payload_type} opus/48000/2)(\r?\n)",
            rf"\1\2a=fmtp:{payload_type} {OPUS_WISH}\2",
            sdp,
            flags=re.MULTILINE,
        )
    return sdp
