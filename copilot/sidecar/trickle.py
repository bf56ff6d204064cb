"""ICE candidates that come after the offer, in an SDP fragment (RFC 8840), checked all at once."""

import ipaddress
import re
from collections.abc import Collection
from typing import NamedTuple

from aiortc import RTCIceCandidate
from aiortc.sdp import candidate_from_sdp

from copilot.sidecar.offer import Unsuitable

_TYPES = ("host", "srflx", "prflx", "relay")
_UFRAG = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)


class Fragment(NamedTuple):
    """What a fragment says."""

    candidates: tuple[RTCIceCandidate, ...]
    ended: bool
    """Whether no more will come: of one section is of all, for they share a transport (BUNDLE)."""


def ufrag(sdp: str) -> str | None:
    """The first ICE user fragment of an SDP or a fragment of one."""
    found = _UFRAG.search(sdp)
    return found.group(1) if found else None


def read(fragment: str, mids: Collection[str]) -> Fragment:
    """The candidates, each of the media section whose ``a=mid`` stands before it.

    Raises Unsuitable where one cannot be used or names a section that is none of `mids`.
    """
    mid, ended = None, False
    candidates = []
    for line in fragment.splitlines():
        name, _, value = line.strip().partition(":")
        match name:
            case "a=mid":
                mid = _known(value, mids)
            case "a=candidate":
                candidates.append(_candidate(value, mid))
            case "a=end-of-candidates":
                ended = True
    return Fragment(tuple(candidates), ended)


def _known(mid: str, mids: Collection[str]) -> str:
    if mid not in mids:
        raise Unsuitable(f"candidates of mid {mid!r}: the offer's are {', '.join(mids)}")
    return mid


def _candidate(text: str, mid: str | None) -> RTCIceCandidate:
    if mid is None:
        raise Unsuitable(f"candidate {text!r} belongs to no a=mid line before it: add one")
    try:
        candidate = candidate_from_sdp(text)
    except (ValueError, AssertionError, IndexError):
        raise Unsuitable(f"candidate {text!r} cannot be read: send it unchanged") from None
    if not 1 <= candidate.port <= 65535:
        raise Unsuitable(f"candidate {text!r}: port {candidate.port} is none")
    if candidate.type not in _TYPES:
        raise Unsuitable(f"candidate {text!r}: type {candidate.type!r} is none of ICE's")
    if not _is_address(candidate.ip):
        raise Unsuitable(f"candidate {text!r}: {candidate.ip!r} is no IP address")
    candidate.sdpMid = mid
    return candidate


def _is_address(host: str) -> bool:
    """An IP address, or the multicast DNS name behind which a browser hides one."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.endswith(".local")
    return True
