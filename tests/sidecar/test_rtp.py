"""Two aiortc peers on the loopback interface: what is said on each track is heard as its party."""

import asyncio
import re
from collections.abc import AsyncIterator

import aioice.ice
import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcrtpreceiver import RTCRtpReceiver
from aiortc.rtp import RtpPacket
from aiortc.stats import RTCRemoteInboundRtpStreamStats

from copilot.audio.frames import MicroTurn, Pcm
from copilot.audio.loudness import TalkLevel
from copilot.bench.wire import deliver, send, speech
from copilot.core.vocabulary import Party
from copilot.errors import SignalError
from copilot.sidecar.earpiece import Earpiece
from copilot.sidecar.rtp import CallAudio, munge_answer, opus_only
from tests.virtual_time import VirtualTime, in_virtual_time

RATE = 24000
TONES = {Party.AGENT: 400, Party.CUSTOMER: 700}


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])


async def tone(frequency: float, seconds: float) -> AsyncIterator[Pcm]:
    time = np.arange(int(seconds * RATE)) / RATE
    yield (0.3 * np.sin(2 * np.pi * frequency * time)).astype(np.float32)


def pitch(sound: Pcm) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(sound * np.hanning(sound.size)))) * RATE / sound.size)


class Call:
    """A peer that sends both parties' tracks, and the one that listens."""

    def __init__(self) -> None:
        self.caller = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.listener = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.tracks = {party: Earpiece() for party in Party}
        self.audio = CallAudio(RATE)

    async def connect(self) -> None:
        for track in self.tracks.values():
            self.caller.addTransceiver(track, direction="sendonly")
        await self.caller.setLocalDescription(await self.caller.createOffer())
        await self.listener.setRemoteDescription(self.caller.localDescription)
        opus_only(self.listener)
        for transceiver, party in zip(self.listener.getTransceivers(), Party, strict=True):
            self.audio.tap(transceiver.receiver, party)
        await self.listener.setLocalDescription(await self.listener.createAnswer())
        answer = munge_answer(self.listener.localDescription.sdp)
        await self.caller.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        self.audio.close()
        await asyncio.gather(self.caller.close(), self.listener.close())


@pytest.fixture
async def call() -> AsyncIterator[Call]:
    call = Call()
    yield call
    await call.close()


async def heard(audio: CallAudio, ticks: int) -> list[MicroTurn]:
    turns: list[MicroTurn] = []
    async for turn in audio.turns():
        turns.append(turn)
        if len(turns) == ticks:
            break
    return turns


async def test_both_tracks_arrive_as_their_parties_with_reports(call: Call) -> None:
    await call.connect()
    assert call.audio.absent == {Party.AGENT, Party.CUSTOMER}
    said = [
        asyncio.create_task(track.play(1, tone(TONES[party], 1.8), RATE))
        for party, track in call.tracks.items()
    ]
    turns = await asyncio.wait_for(heard(call.audio, 24), 15)
    assert await asyncio.gather(*said) == [23, 23]
    assert [turn.tick for turn in turns] == list(range(24))
    for party, tone_hz in TONES.items():
        sounds = [turn.agent if party is Party.AGENT else turn.customer for turn in turns[4:18]]
        whole = [one for one in sounds if np.std(one) > TalkLevel().whisper / 2]
        assert len(whole) > 7  # a machine that stalls leaves gaps, and never the other's sound
        assert all(pitch(one) == pytest.approx(tone_hz, abs=13) for one in whole)
        assert np.median([np.std(one) for one in whole]) == pytest.approx(
            TalkLevel().whisper, rel=0.1
        )
    assert call.audio.absent == frozenset()
    stats = call.audio.stats()
    assert stats.tracks[Party.AGENT].counts.received >= 90
    assert stats.tracks[Party.AGENT].counts.restarts == 0
    reports = await reports_at_the_sender(call)
    assert all(report.packetsLost == 0 for report in reports)


async def reports_at_the_sender(call: Call) -> list[RTCRemoteInboundRtpStreamStats]:
    """What the listener told the caller of its losses; comes every 0.5 to 1.5 s."""
    for _ in range(40):
        stats = [await sender.getStats() for sender in call.caller.getSenders()]
        found = [
            report
            for one in stats
            for report in one.values()
            if isinstance(report, RTCRemoteInboundRtpStreamStats)
        ]
        if len(found) == 2:
            return found
        await asyncio.wait_for(heard(call.audio, 1), 5)
    raise AssertionError("no receiver reports")


async def test_nobody_needs_to_drain_aiortcs_own_tracks(call: Call) -> None:
    await call.connect()
    said = asyncio.create_task(call.tracks[Party.AGENT].play(1, tone(300, 0.8), RATE))
    await asyncio.wait_for(heard(call.audio, 8), 15)
    for transceiver in call.listener.getTransceivers():
        receiver = transceiver.receiver
        assert receiver.__dict__["_RTCRtpReceiver__decoder_queue"].qsize() == 0
        assert receiver.track._queue.qsize() == 0  # type: ignore[attr-defined]
    said.cancel()


async def test_a_leg_that_says_nothing_does_not_stall_the_other(call: Call) -> None:
    await call.connect()
    said = asyncio.create_task(call.tracks[Party.CUSTOMER].play(1, tone(700, 1.0), RATE))
    turns = await asyncio.wait_for(heard(call.audio, 10), 15)
    assert not any(turn.agent.any() for turn in turns)
    assert pitch(turns[5].customer) == pytest.approx(700, abs=13)
    assert call.audio.absent == {Party.AGENT}
    assert call.audio.stats().late_ticks == 0
    said.cancel()


async def test_closing_ends_the_turns(call: Call) -> None:
    call.audio.close()
    call.audio.close()
    assert [turn async for turn in call.audio.turns()] == []


async def tapped(
    audio: CallAudio | None = None,
) -> tuple[CallAudio, RTCRtpReceiver, RTCPeerConnection]:
    """A receiver that has negotiated Opus at 96, without a wire."""
    offering, pc = RTCPeerConnection(), RTCPeerConnection()
    offering.addTransceiver("audio", direction="sendonly")
    await pc.setRemoteDescription(await offering.createOffer())
    opus_only(pc)
    audio = audio or CallAudio(RATE)
    (transceiver,) = pc.getTransceivers()
    receiver = transceiver.receiver
    audio.tap(receiver, Party.CUSTOMER)
    receiver.__dict__["_RTCRtpReceiver__codecs"][96] = transceiver._codecs[0]
    receiver._enabled = True
    await offering.close()
    return audio, receiver, pc


async def test_losses_are_counted_for_the_receiver_reports() -> None:
    audio, receiver, pc = await tapped()
    arrivals = deliver(send(speech(2)), loss=0.1)
    for _, sent in arrivals:
        await receiver._handle_rtp_packet(rtp(sent.seq, sent.timestamp, sent.payload), 0)
    (statistics,) = receiver.__dict__["_RTCRtpReceiver__remote_streams"].values()
    assert statistics.packets_received == len(arrivals)
    assert statistics.packets_lost > 0
    counts = audio.stats().tracks[Party.CUSTOMER].counts
    assert counts.received == len(arrivals)
    audio.close()
    await pc.close()


async def test_another_payload_is_ignored() -> None:
    audio, receiver, pc = await tapped()
    await receiver._handle_rtp_packet(rtp(1, 0, b"\0" * 160, payload_type=0), 0)
    assert audio.stats().tracks[Party.CUSTOMER].counts.received == 0
    audio.close()
    await pc.close()


async def test_a_call_resumed_over_another_connection_goes_on() -> None:
    audio, before, pc = await tapped()
    sent = send(speech(1))
    for packet in sent[:20]:
        await before._handle_rtp_packet(rtp(packet.seq, packet.timestamp, packet.payload), 0)
    _, after, other = await tapped(audio)
    for packet in sent:
        await after._handle_rtp_packet(rtp(packet.seq, 9, packet.payload, ssrc=8), 0)
        await before._handle_rtp_packet(rtp(packet.seq, packet.timestamp, packet.payload), 0)
    counts = audio.stats().tracks[Party.CUSTOMER].counts
    assert (counts.received, counts.restarts) == (20 + len(sent), 1)
    turns = await asyncio.wait_for(heard(audio, 14), 5)
    assert np.std(turns[13].customer) > 0.01
    audio.close()
    await asyncio.gather(pc.close(), other.close())


@in_virtual_time
async def test_a_stall_of_the_loop_loses_nothing(time: VirtualTime) -> None:
    """1.5 s in which nothing is read: the packets that waited are heard before any is missed."""
    audio, receiver, pc = await tapped()
    sent = send(speech(6))
    start = time.now
    for packet in sent:
        if start + packet.time > time.now + 1e-9:
            await asyncio.sleep(start + packet.time - time.now)
        if packet.seq == sent[100].seq:
            time.now += 1.5
        await asyncio.sleep(0)
        await receiver._handle_rtp_packet(rtp(packet.seq, packet.timestamp, packet.payload), 0)
    counts = audio.stats().tracks[Party.CUSTOMER].counts
    assert (counts.received, counts.lost, counts.late) == (len(sent), 0, 0)
    assert counts.filled <= 0.1 * RATE
    audio.close()
    await pc.close()


@in_virtual_time
async def test_a_party_without_packets_for_two_seconds_is_absent(time: VirtualTime) -> None:
    audio, receiver, pc = await tapped()
    assert audio.absent == {Party.AGENT, Party.CUSTOMER}
    for packet in send(speech(0.2)):
        await receiver._handle_rtp_packet(rtp(packet.seq, packet.timestamp, packet.payload), 0)
    await asyncio.sleep(1.9)
    assert audio.absent == {Party.AGENT}
    await asyncio.sleep(0.2)
    assert audio.absent == {Party.AGENT, Party.CUSTOMER}
    turns = await heard(audio, 20)
    assert not turns[19].customer.any()
    audio.close()
    await pc.close()


def rtp(
    seq: int, timestamp: int, payload: bytes, payload_type: int = 96, ssrc: int = 7
) -> RtpPacket:
    packet = RtpPacket(payload_type=payload_type, sequence_number=seq, timestamp=timestamp)
    packet.ssrc, packet.payload = ssrc, payload
    return packet


async def test_the_answer_holds_opus_alone_and_asks_for_repair() -> None:
    offering, pc = RTCPeerConnection(), RTCPeerConnection()
    offering.addTransceiver("audio", direction="sendonly")
    offer = await offering.createOffer()
    assert "PCMU" in offer.sdp
    await pc.setRemoteDescription(offer)
    opus_only(pc)
    answer = munge_answer((await pc.createAnswer()).sdp)
    assert re.findall(r"a=rtpmap:\d+ (\S+)", answer) == ["opus/48000/2"]
    wish = "a=fmtp:96 minptime=10;useinbandfec=1;usedtx=0;stereo=0;maxaveragebitrate=32000\r\n"
    assert answer.count(wish) == 1
    assert munge_answer(answer) == answer
    await offering.close()
    await pc.close()


async def test_an_offer_without_opus_is_refused_with_the_remedy() -> None:
    offering, pc = RTCPeerConnection(), RTCPeerConnection()
    offering.addTransceiver("audio", direction="sendonly")
    offer = await offering.createOffer()
    sdp = re.sub(r"a=rtpmap:96 opus[^\n]*\n", "", offer.sdp)
    await pc.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
    with pytest.raises(SignalError, match="mid=0 offers no Opus"):
        opus_only(pc)
    await offering.close()
    await pc.close()
