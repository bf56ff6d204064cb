"""WHIP signalling (RFC 9725): POST begins or resumes a call, PATCH trickles, DELETE hangs up."""

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response, delete, patch, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException
from litestar.params import FromPath, SkipValidation
from litestar.types import ExceptionHandlersMap

from copilot.accounts.roles import Scope
from copilot.accounts.service import Accounts
from copilot.errors import UnknownCall, UserError
from copilot.sidecar import offer as offers
from copilot.sidecar.switchboard import RETRY_AFTER, Full, Switchboard
from copilot.web.access import Me, Needs
from copilot.web.doors import Calls, Shelf
from copilot.web.problems import AnyRequest, answer

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"

PLACES = Needs(Scope.CALLS_PLACE)
Board = NamedDependency[SkipValidation[Switchboard]]


@post("/calls", status_code=201, guards=[PLACES], include_in_schema=False)
async def place(
    request: Request[Any, Any, Any],
    switchboard: Board,
    accounts: NamedDependency[SkipValidation[Accounts]],
    caller: Me,
    calls: Calls,
    shelf: Shelf,
) -> Response[str]:
    """Answer an offer: 201 with the answer, the call's address in Location and its ETag."""
    sdp = await _body(request, SDP)
    offer = offers.read(sdp, dict(request.query_params))
    if offer.resume is None:
        offer = offer._replace(packs=_packs(shelf, offer))
    goes_on = offer.resume is not None and switchboard.find(offer.resume) is not None
    call_id, peer = await switchboard.admit(offer, calls.owner, calls)
    if not goes_on:
        call = switchboard.call(call_id)
        leave = accounts.presence.enter(caller, Scope.CALLS_PLACE, lambda: call.end("revoked"))
        call.task.add_done_callback(lambda _: leave())
    headers = {"Location": f"/calls/{call_id}", "ETag": peer.etag, "Accept-Patch": FRAGMENT}
    return Response(peer.answer, status_code=201, media_type=SDP, headers=headers)


@patch("/calls/{call_id:str}", status_code=204, guards=[PLACES], include_in_schema=False)
async def trickle(
    request: Request[Any, Any, Any], call_id: FromPath[str], switchboard: Board, calls: Calls
) -> None:
    """Take ICE candidates; an ICE restart is refused with 501: post a new offer with ?call=ID."""
    peer = switchboard.call(call_id, calls.owner).peer
    fragment = await _body(request, FRAGMENT)
    match = request.headers.get("if-match")
    if match is None:
        raise HTTPException(status_code=428, detail="say which session is meant: If-Match: ETAG")
    if match not in (peer.etag, "*"):
        raise HTTPException(status_code=412, detail=f"the session's ETag is {peer.etag} by now")
    if not await peer.trickle(fragment):
        remedy = f"post a new offer to /calls?call={call_id} instead"
        raise HTTPException(status_code=501, detail=f"there is no ICE restart: {remedy}")


@delete("/calls/{call_id:str}", status_code=200, guards=[PLACES], include_in_schema=False)
async def hang_up(call_id: FromPath[str], switchboard: Board, calls: Calls) -> None:
    """End the call."""
    await switchboard.hang_up(call_id, calls.owner)


def _packs(shelf: Shelf, offer: offers.Offer) -> tuple[str, ...]:
    """The packs of the caller's team that the offer may use."""
    try:
        return shelf.names(offer.packs)
    except UserError as error:
        raise offers.Unsuitable(str(error)) from None


async def _body(request: Request[Any, Any, Any], wanted: str) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != wanted:
        raise HTTPException(status_code=415, detail=f"Content-Type is {kind!r}: send {wanted}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > offers.MAX_BYTES:
            limit = offers.MAX_BYTES // 1024
            raise HTTPException(status_code=413, detail=f"the body is over {limit} KiB")
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise offers.Malformed("the body is not UTF-8 text: send the offer's sdp text") from None


def _malformed(request: AnyRequest, error: offers.Malformed) -> Response[Any]:
    return answer(request, 400, str(error))


def _unsuitable(request: AnyRequest, error: offers.Unsuitable) -> Response[Any]:
    return answer(request, 422, str(error))


def _unknown(request: AnyRequest, error: UnknownCall) -> Response[Any]:
    return answer(request, 404, str(error))


def _full(request: AnyRequest, error: Full) -> Response[Any]:
    retry: Mapping[str, str] = {"Retry-After": str(RETRY_AFTER)}
    return answer(request, 503, f"every place is taken: ask again in {RETRY_AFTER} s", retry)


HANDLERS: ExceptionHandlersMap = {
    offers.Malformed: _malformed,
    offers.Unsuitable: _unsuitable,
    UnknownCall: _unknown,
    Full: _full,
}
