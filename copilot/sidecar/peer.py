"""One peer connection: two tracks in, whispers out on the agent's own track, cards on a channel."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress

import aioice.ice
from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCSessionDescription,
)

from copilot.errors import SignalError
from copilot.sidecar import trickle, wire
from copilot.sidecar.earpiece import Earpiece
from copilot.sidecar.line import Line
from copilot.sidecar.offer import Offer, Unsuitable
from copilot.sidecar.rtp import munge_answer, opus_only
from copilot.sidecar.trickle import ufrag

_MID = re.compile(r"^a=mid:(\S+)", re.MULTILINE)


def use_interface(host: str) -> None:
    """Offer call media on this address only, and notice a vanished browser within 5 s.

    aioice offers every address but the loopback one and looks for a dead peer for 35 s; neither can
    be set, so both are replaced here, once per process.
    """
    if host != "0.0.0.0":
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [host]
    aioice.ice.CONSENT_INTERVAL = 1
    aioice.ice.CONSENT_FAILURES = 4


class Peer:
    """A negotiated connection."""

    def __init__(self, connection: RTCPeerConnection, offer: Offer) -> None:
        self._connection = connection
        self._remote_ufrag = ufrag(offer.sdp)
        self._mids = _MID.findall(offer.sdp)
        self.answer = munge_answer(connection.localDescription.sdp)
        self.etag = f'"{ufrag(self.answer)}"'

    @property
    def connected(self) -> bool:
        """Whether sound flows, as far as ICE and DTLS can tell."""
        return self._connection.connectionState == "connected"

    async def trickle(self, fragment: str) -> bool:
        """Take an SDP fragment's candidates; False if it asks for an ICE restart: there is none.

        Raises Unsuitable, and takes none, if one of them cannot be used.
        """
        asked = ufrag(fragment)
        if asked is not None and asked != self._remote_ufrag:
            return False
        found = trickle.read(fragment, self._mids)
        await asyncio.gather(*map(self._take, found.candidates))
        if found.ended:
            await self._connection.addIceCandidate(None)
        return True

    async def _take(self, candidate: RTCIceCandidate) -> None:
        # a .local name is asked for by multicast, which a host may not have
        with suppress(OSError):
            await self._connection.addIceCandidate(candidate)

    async def close(self) -> None:
        await self._connection.close()


async def connect(
    offer: Offer,
    line: Line,
    acted: Callable[[wire.Act], None],
    changed: Callable[[], None],
) -> Peer:
    """Answer the offer and put its tracks on the line; raises Unsuitable if that cannot be done.

    `changed` is called whenever the connection comes or goes.
    """
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))

    @connection.on("datachannel")
    def _(channel: RTCDataChannel) -> None:
        if channel.label == wire.CHANNEL:
            line.attach_channel(channel, acted)

    @connection.on("connectionstatechange")
    def _() -> None:
        changed()

    try:
        await connection.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        _wire_up(connection, offer, line)
        await connection.setLocalDescription(await connection.createAnswer())
    except (ValueError, KeyError, IndexError, AssertionError, AttributeError, TypeError) as error:
        await connection.close()
        raise Unsuitable(f"the offer cannot be answered ({error}): send it unchanged") from None
    except SignalError as error:
        await connection.close()
        raise Unsuitable(str(error)) from None
    return Peer(connection, offer)


def _wire_up(connection: RTCPeerConnection, offer: Offer, line: Line) -> None:
    opus_only(connection)
    for transceiver in connection.getTransceivers():
        party = offer.parties.get(transceiver.mid or "")
        if party is not None:
            transceiver.direction = "recvonly"
            line.audio.tap(transceiver.receiver, party)
        elif transceiver.mid == offer.earpiece:
            earpiece = Earpiece(line.talk)
            transceiver.sender.replaceTrack(earpiece)
            transceiver.direction = "sendonly"
            line.attach_earpiece(earpiece)
        else:
            transceiver.direction = "inactive"
