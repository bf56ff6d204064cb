"""A browser's offer of a call, checked before anything is made of it."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from aiortc.sdp import MediaDescription, SessionDescription

from copilot.core.vocabulary import Party
from copilot.errors import SignalError

MAX_BYTES = 64 * 1024
"""The longest offer that is read; a browser's is about 6 KiB."""
_CALL_ID = re.compile(r"[0-9a-z-]{8,64}")


class Malformed(SignalError):
    """It is not SDP at all."""


class Unsuitable(SignalError):
    """It is SDP, but not of a call: two audio tracks out, told apart by their mids."""


class Offer(NamedTuple):
    """An offer that can be answered."""

    sdp: str
    parties: Mapping[str, Party]
    """Which media section (mid) carries which party."""
    earpiece: str | None
    """The media section that takes whispers."""
    consent: bool
    packs: tuple[str, ...]
    """Names of the packs that the call may use; empty means all."""
    resume: str | None
    """The call that this connection goes on with."""


def read(sdp: str, query: Mapping[str, str]) -> Offer:
    """The offer and its URL: ``?agent=0&customer=1&earpiece=2&consent=true&packs=a,b``.

    Raises Malformed or Unsuitable, each with the remedy.
    """
    sections = _sections(sdp)
    if any(section.kind == "video" for section in sections.values()):
        raise Unsuitable("the offer has video: offer audio only, one track per party")
    if not any(section.kind == "audio" for section in sections.values()):
        raise Unsuitable("the offer has no audio: offer two sendonly audio tracks")
    agent = _sender(sections, query, "agent")
    customer = _sender(sections, query, "customer")
    if agent == customer:
        raise Unsuitable(
            f"agent and customer are both mid {agent!r}: each needs a track of its own"
        )
    resume = query.get("call")
    if resume is not None and not _CALL_ID.fullmatch(resume):
        raise Unsuitable(f"call = {resume!r} is no call id")
    return Offer(
        sdp,
        {agent: Party.AGENT, customer: Party.CUSTOMER},
        _earpiece(sections, query, {agent, customer}),
        _flag(query, "consent"),
        tuple(filter(None, query.get("packs", "").split(","))),
        resume,
    )


def _sections(sdp: str) -> dict[str, MediaDescription]:
    if not sdp.lstrip().startswith("v=0"):
        raise Malformed("the body is not SDP: send the offer's sdp text as application/sdp")
    try:
        parsed = SessionDescription.parse(sdp)
    except (ValueError, IndexError, KeyError, AssertionError, AttributeError, TypeError) as error:
        raise Malformed(
            f"the SDP cannot be read ({error}): send the browser's offer as it is"
        ) from None
    return {section.rtp.muxId: section for section in parsed.media}


def _sender(sections: Mapping[str, MediaDescription], query: Mapping[str, str], party: str) -> str:
    senders = [
        mid
        for mid, section in sections.items()
        if section.kind == "audio" and section.direction in ("sendonly", "sendrecv")
    ]
    if len(senders) < 2:
        raise Unsuitable(
            f"the offer sends {len(senders)} audio track: agent and customer need one each"
        )
    mid = query.get(party)
    if mid is None:
        raise Unsuitable(f"the URL does not say which track is the {party}: add ?{party}=MID")
    if mid not in senders:
        raise Unsuitable(f"{party} = {mid!r}: the tracks sent are mid {', '.join(senders)}")
    return mid


def _earpiece(
    sections: Mapping[str, MediaDescription], query: Mapping[str, str], taken: set[str]
) -> str | None:
    mid = query.get("earpiece")
    if mid is None:
        return None
    section = sections.get(mid)
    fits = section is not None and section.kind == "audio" and section.direction == "recvonly"
    if mid in taken or not fits:
        raise Unsuitable(f"earpiece = {mid!r}: it must be the mid of a recvonly audio section")
    return mid


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name, "false")
    if value not in ("true", "false"):
        raise Unsuitable(f"{name} = {value!r}: say true or false")
    return value == "true"
