"""What an offer must be, and what is said of one that is not."""

import pytest
from aiortc import RTCPeerConnection

from copilot.core.vocabulary import Party
from copilot.sidecar.offer import Malformed, Unsuitable, read

QUERY = {"agent": "0", "customer": "1", "earpiece": "2", "consent": "true"}


async def sdp(
    senders: int = 2, receivers: int = 1, video: bool = False, channel: bool = True
) -> str:
    connection = RTCPeerConnection()
    for _ in range(senders):
        connection.addTransceiver("audio", direction="sendonly")
    for _ in range(receivers):
        connection.addTransceiver("audio", direction="recvonly")
    if video:
        connection.addTransceiver("video", direction="sendonly")
    connection.createDataChannel("copilot")
    await connection.setLocalDescription(await connection.createOffer())
    text = connection.localDescription.sdp
    await connection.close()
    return text


async def test_the_url_says_who_is_who() -> None:
    offer = read(await sdp(), {**QUERY, "agent": "1", "customer": "0"})
    assert offer.parties == {"1": Party.AGENT, "0": Party.CUSTOMER}
    assert offer.earpiece == "2"
    assert offer.consent
    assert offer.resume is None


async def test_an_earpiece_is_optional_and_consent_is_never_assumed() -> None:
    offer = read(await sdp(receivers=0), {"agent": "0", "customer": "1"})
    assert offer.earpiece is None
    assert not offer.consent


@pytest.mark.parametrize(
    "text",
    ["", "hello", "{}", "v=0\r\nm=audio", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:x"],
)
def test_what_is_not_sdp_is_malformed(text: str) -> None:
    with pytest.raises(Malformed, match=r"SDP.*send"):
        read(text, QUERY)


@pytest.mark.parametrize(
    ("offered", "changes", "said"),
    [
        ({"senders": 0, "receivers": 0}, {}, "no audio"),
        ({"senders": 1}, {}, "sends 1 audio track: agent and customer need one each"),
        ({"video": True}, {}, "offer audio only"),
        ({}, {"agent": None}, r"add \?agent=MID"),
        ({}, {"customer": "0"}, "each needs a track"),
        ({}, {"customer": "7"}, "customer = '7': the tracks sent are mid 0, 1"),
        ({}, {"customer": "2"}, "the tracks sent are mid 0, 1"),
        ({}, {"earpiece": "1"}, "recvonly"),
        ({}, {"earpiece": "9"}, "recvonly"),
        ({}, {"consent": "yes"}, "say true or false"),
        ({}, {"call": "../etc"}, "no call id"),
    ],
)
async def test_an_unsuitable_offer_is_told_its_remedy(
    offered: dict[str, int], changes: dict[str, str | None], said: str
) -> None:
    query = {key: value for key, value in {**QUERY, **changes}.items() if value is not None}
    with pytest.raises(Unsuitable, match=said):
        read(await sdp(**offered), query)  # type: ignore[arg-type]
