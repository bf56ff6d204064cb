"""The private names of the pinned aiortc that the sound path stands on."""

import inspect
from importlib.metadata import requires, version

import pytest
from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtcpSrPacket, RtpPacket


@pytest.fixture
async def receiver() -> RTCRtpReceiver:
    pc = RTCPeerConnection()
    transceiver = pc.addTransceiver("audio", direction="recvonly")
    await pc.close()
    return transceiver.receiver


def test_the_version_is_the_pinned_one() -> None:
    pins = [line for line in requires("copilot") or () if line.startswith("aiortc")]
    assert pins == [f"aiortc=={version('aiortc')}"]


async def test_the_receivers_handlers_are_looked_up_on_the_instance(
    receiver: RTCRtpReceiver,
) -> None:
    assert list(inspect.signature(receiver._handle_rtp_packet).parameters) == [
        "packet",
        "arrival_time_ms",
    ]
    assert list(inspect.signature(receiver._handle_rtcp_packet).parameters) == ["packet"]
    assert inspect.iscoroutinefunction(receiver._handle_rtp_packet)
    assert inspect.iscoroutinefunction(receiver._handle_rtcp_packet)
    routing = inspect.getsource(RTCDtlsTransport._handle_rtp_data)
    assert "receiver._handle_rtp_packet(packet, arrival_time_ms=" in routing
    routing = inspect.getsource(RTCDtlsTransport._handle_rtcp_data)
    assert "recipient._handle_rtcp_packet(packet)" in routing


async def test_the_receivers_tables_are_there(receiver: RTCRtpReceiver) -> None:
    assert receiver.__dict__["_RTCRtpReceiver__remote_streams"] == {}
    assert receiver.__dict__["_RTCRtpReceiver__codecs"] == {}
    assert isinstance(receiver._enabled, bool)
    reports = inspect.getsource(RTCRtpReceiver._run_rtcp)
    assert "self.__remote_streams.items()" in reports


def test_packets_have_the_fields() -> None:
    packet = RtpPacket(payload_type=96, sequence_number=1, timestamp=2)
    assert (packet.ssrc, packet.payload) == (0, b"")
    StreamStatistics(48000).add(packet)
    assert "sender_info" in inspect.signature(RtcpSrPacket).parameters


async def test_codecs_can_be_narrowed_after_the_offer() -> None:
    pc = RTCPeerConnection()
    transceiver = pc.addTransceiver("audio")
    assert transceiver._codecs == []
    await pc.close()
    assert "codecs=transceiver._codecs" in inspect.getsource(RTCPeerConnection)


def test_the_sender_takes_packets_that_are_coded_already() -> None:
    source = inspect.getsource(RTCRtpSender._next_encoded_frame)
    assert "self.__encoder.pack(data)" in source


def test_the_bench_can_send_past_the_sender() -> None:
    assert list(inspect.signature(RTCDtlsTransport._send_rtp).parameters) == ["self", "data"]
    assert "self._ssrc = random32()" in inspect.getsource(RTCRtpSender)
