"""Server-sent events: one call's entries, and the changes of the list of calls."""

from collections.abc import AsyncIterator, Callable

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import Stream
from litestar.status_codes import HTTP_204_NO_CONTENT

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.core.events import Entry, encode
from copilot.store.log import Store
from copilot.store.models import State
from copilot.store.team import TeamCalls
from copilot.web.access import Me, Needs
from copilot.web.doors import Calls
from copilot.web.pages import AnyRequest
from copilot.web.services import Given

READS = Needs(Scope.CALLS_READ)
Followed = Store | TeamCalls
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@get("/calls/{call_id:str}/live", guards=[READS], include_in_schema=False)
async def call(
    call_id: FromPath[str], request: AnyRequest, services: Given, caller: Me, calls: Calls
) -> Response[None] | Stream:
    """Entries after ``Last-Event-ID``; 204, which stops the browser, when none will come."""
    row = await calls.call(call_id)
    after = _last_seen(request)
    if row.state is not State.LIVE and row.entries <= after + 1:
        return Response(None, status_code=HTTP_204_NO_CONTENT)
    return _stream(services, caller, _entries(calls, call_id, after))


@get("/changes", guards=[READS], include_in_schema=False)
async def changes(services: Given, caller: Me, calls: Calls) -> Stream:
    """An event with the call's id whenever a call starts, ends, shows or withholds a card."""
    return _stream(services, caller, _changes(calls))


def frame(entry: Entry) -> bytes:
    """One entry as a server-sent event whose id is its seq."""
    return b"id: %d\ndata: %s\n\n" % (entry.seq, encode(entry))


def _stream(services: Given, caller: Caller, frames: AsyncIterator[bytes]) -> Stream:
    """Frames for as long as the caller may have them."""

    def enter(close: Callable[[], None]) -> Callable[[], None]:
        return services.accounts.presence.enter(caller, Scope.CALLS_READ, close)

    body = services.streams.of(frames, enter)
    return Stream(body, media_type="text/event-stream", headers=_HEADERS)


def _last_seen(request: AnyRequest) -> int:
    """The seq that the browser has seen last; -1 for none, also where the header is not a seq."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 12 else -1


async def _entries(calls: Followed, call_id: str, after: int) -> AsyncIterator[bytes]:
    async for entry in calls.follow(call_id, after):
        yield frame(entry)


async def _changes(calls: Followed) -> AsyncIterator[bytes]:
    async for row in calls.watch():
        yield b"data: %s\n\n" % row.id.encode()
