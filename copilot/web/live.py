"""Server-sent events: one call's entries, and the changes of the list of calls."""

from collections.abc import AsyncIterator

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Stream
from litestar.status_codes import HTTP_204_NO_CONTENT

from copilot.core.events import Entry, encode
from copilot.store.log import Store
from copilot.store.models import State
from copilot.web.pages import AnyRequest
from copilot.web.services import Given

_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@get("/calls/{call_id:str}/live")
async def call(
    call_id: FromPath[str], request: AnyRequest, services: Given
) -> Response[None] | Stream:
    """Entries after ``Last-Event-ID``; 204, which stops the browser, when none will come."""
    row = await services.store.call(call_id)
    if row is None:
        raise NotFoundException(f"There is no call {call_id!r}.")
    after = _last_seen(request)
    if row.state is not State.LIVE and row.entries <= after + 1:
        return Response(None, status_code=HTTP_204_NO_CONTENT)
    frames = _entries(services.store, call_id, after)
    return Stream(services.streams.of(frames), media_type="text/event-stream", headers=_HEADERS)


@get("/changes")
async def changes(services: Given) -> Stream:
    """An event with the call's id whenever a call starts, ends, shows or withholds a card."""
    frames = _changes(services.store)
    return Stream(services.streams.of(frames), media_type="text/event-stream", headers=_HEADERS)


def frame(entry: Entry) -> bytes:
    """One entry as a server-sent event whose id is its seq."""
    return b"id: %d\ndata: %s\n\n" % (entry.seq, encode(entry))


def _last_seen(request: AnyRequest) -> int:
    """The seq that the browser has seen last; -1 for none, also where the header is not a seq."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 12 else -1


async def _entries(store: Store, call_id: str, after: int) -> AsyncIterator[bytes]:
    async for entry in store.follow(call_id, after):
        yield frame(entry)


async def _changes(store: Store) -> AsyncIterator[bytes]:
    async for row in store.watch():
        yield b"data: %s\n\n" % row.id.encode()
