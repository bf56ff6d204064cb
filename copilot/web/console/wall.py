"""The live wall, and what a supervisor does in a call that is on: advise, listen in, flag."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime

from litestar import Response, get, post
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.params import FromPath
from litestar.response import Stream
from litestar.status_codes import HTTP_204_NO_CONTENT, HTTP_409_CONFLICT
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.console.settings import Consent, cleaner
from copilot.console.wall import Seat, seat
from copilot.core.events import Advised
from copilot.core.vocabulary import TICK_MS, Party
from copilot.errors import SettingError, UnknownCall
from copilot.sidecar.switchboard import Call
from copilot.sidecar.tap import pcm
from copilot.store.console.rows import Flag
from copilot.store.models import CallRow
from copilot.store.team import TeamCalls
from copilot.web.access import Me, Needs
from copilot.web.console.forms import Form
from copilot.web.doors import Calls, Number, Shelf, TeamShelf
from copilot.web.pages import AnyRequest, page
from copilot.web.services import Given, Services

Clean = Callable[[str], str]
WATCHES = Needs(Scope.CALLS_WATCH)
ADVICE = 200
"""Characters of a supervisor's line: more cannot be read during a call."""
NOTE = 500


class Wall(Struct, frozen=True):
    """The calls of a team that are on."""

    seats: tuple[Seat, ...]
    """The longest first."""
    hidden: int
    """Calls whose parties have not agreed: nobody sees them."""
    capacity: int
    """Of the whole server."""


@get("/wall", guards=[WATCHES], include_in_schema=False)
async def wall(
    request: AnyRequest, services: Given, caller: Me, calls: Calls, shelf: Shelf
) -> Response[str]:
    """All calls of the team that are on."""
    seen = await look(services, caller, calls, shelf)
    return await page(request, "wall.html", wall=seen)


@get("/wall/seats", guards=[WATCHES], include_in_schema=False)
async def seats(
    request: AnyRequest, services: Given, caller: Me, calls: Calls, shelf: Shelf
) -> Response[str]:
    """The calls alone, which the page asks for every second."""
    seen = await look(services, caller, calls, shelf)
    return await page(request, "_wall.html", wall=seen)


async def look(services: Services, caller: Caller, calls: TeamCalls, shelf: TeamShelf) -> Wall:
    """What the wall shows."""
    rows = [*calls.live(), *await calls.elsewhere()]
    names = await people(services, caller) if rows else {}
    board = services.switchboard
    clean = cleaner(await services.console.desk.of(caller.team_id)).part
    found = [_seat(services, row, names, shelf, clean) for row in rows]
    hidden = max(0, board.live_in(caller.team_id) - sum(board.find(r.id) is not None for r in rows))
    ordered = sorted(found, key=lambda one: (one.call.started_at, one.call.id))
    return Wall(tuple(ordered), hidden, board.capacity)


def _seat(
    services: Services, row: CallRow, names: Mapping[str, str], shelf: TeamShelf, clean: Clean
) -> Seat:
    agent = names.get(row.person_id, "")
    call = services.switchboard.find(row.id)
    if call is None:
        return Seat(row, agent, "elsewhere", 0, 0, (), None, (), 0)
    state, stats = call.session.state, call.line.audio.stats()
    heard = len(stats.tracks) == len(Party) and not any(t.absent for t in stats.tracks.values())
    return seat(row, state, agent, stats.lag * TICK_MS, heard, _title(call, shelf), clean)


def _title(call: Call, shelf: TeamShelf) -> str:
    card, shown = call.session.state.card, call.line.card
    if card is None:
        return ""
    if shown is not None and shown.inquiry == card.inquiry:
        return shown.title
    source = shelf.source(card.passage)
    return source.passage.title if source else card.passage


async def people(services: Services, caller: Caller) -> dict[str, str]:
    """Names of the team's people by their id."""
    found = {caller.person_id: caller.name}
    if services.accounts.required:
        for member in await services.accounts.people.members(caller):
            found[member.id] = member.name or member.email
    return found


# ---- in one call


async def in_progress(services: Services, calls: TeamCalls, call_id: str) -> Call:
    """The team's call, if it is on here; raises UnknownCall."""
    await calls.call(call_id)
    found = services.switchboard.find(call_id)
    if found is None:
        raise UnknownCall(f"call {call_id!r} is over, or goes on in another process")
    return found


@post(
    "/calls/{call_id:str}/advice",
    guards=[Needs(Scope.LIVE_WHISPER)],
    include_in_schema=False,
    status_code=HTTP_204_NO_CONTENT,
)
async def advise(
    request: AnyRequest, call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> None:
    """Send the agent a line; it goes into the call's log with the supervisor's name."""
    text = (await Form.of(request)).text("text")
    await send_advice(services, caller, calls, call_id, text)


async def send_advice(
    services: Services, caller: Caller, calls: TeamCalls, call_id: str, text: str
) -> None:
    call = await in_progress(services, calls, call_id)
    text = " ".join(text.split())
    if not 1 <= len(text) <= ADVICE:
        raise SettingError(f"a line to an agent has 1 to {ADVICE} characters, not {len(text)}")
    call.session.give(Advised(caller.name, text))
    await services.accounts.audit.note(caller, Act.ADVISED, f"{call_id}: {len(text.split())} words")


@post(
    "/calls/{call_id:str}/flags",
    guards=[Needs(Scope.CALLS_LABEL)],
    include_in_schema=False,
    status_code=HTTP_204_NO_CONTENT,
)
async def flag(
    request: AnyRequest, call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> None:
    """Mark a moment, the present one of a live call, to come back to it."""
    form = await Form.of(request)
    await add_flag(services, caller, calls, call_id, form.maybe("tick"), form.text("note"))


async def add_flag(
    services: Services,
    caller: Caller,
    calls: TeamCalls,
    call_id: str,
    tick: int | None,
    note: str,
) -> None:
    row = await calls.call(call_id)
    last = max(0, row.ticks - 1)
    tick = last if tick is None else tick
    if not 0 <= tick <= last:
        raise SettingError(f"tick = {tick}: the call goes from 0 to {last}")
    if len(note) > NOTE:
        raise SettingError(f"the note has {len(note)} characters; {NOTE} at most")
    made = Flag(0, call_id, tick, signed(caller), now(), note)
    await services.store.console.add_flag(made)


@post(
    "/calls/{call_id:str}/flags/{number:int}/delete",
    guards=[Needs(Scope.CALLS_LABEL)],
    include_in_schema=False,
    status_code=200,
)
async def drop_flag(call_id: FromPath[str], number: Number, services: Given, calls: Calls) -> None:
    """Take a mark away; the page takes the line out that the empty answer stands for."""
    await calls.call(call_id)
    await services.store.console.drop_flag(call_id, number)


@get("/calls/{call_id:str}/sound", guards=[Needs(Scope.LIVE_LISTEN)], include_in_schema=False)
async def listen_in(call_id: FromPath[str], services: Given, caller: Me, calls: Calls) -> Stream:
    """The call's sound from now on: 16-bit stereo, little-endian, the agent on the left."""
    call = await in_progress(services, calls, call_id)
    settings = await services.console.desk.of(caller.team_id)
    if not settings.listening or settings.consent is Consent.NEVER:
        raise PermissionDeniedException(
            "Listening in is off for this team. An admin can allow it in the settings."
        )
    started = call.session.state.started
    if started is None or not started.consent:
        raise HTTPException(status_code=HTTP_409_CONFLICT, detail="The parties have not agreed.")
    await services.accounts.audit.note(caller, Act.LISTENED, f"{call_id}, live")

    def enter(close: Callable[[], None]) -> Callable[[], None]:
        return services.accounts.presence.enter(caller, Scope.LIVE_LISTEN, close)

    body = services.streams.of(_sound(call), enter, events=False)
    headers = {"Cache-Control": "no-store", "X-Sample-Rate": str(services.switchboard.rate)}
    return Stream(body, media_type="application/octet-stream", headers=headers)


async def _sound(call: Call) -> AsyncIterator[bytes]:
    async for turn in call.tap.listen():
        yield pcm(turn)


def signed(caller: Caller) -> str:
    """The caller as records name them."""
    return caller.known_as[:254]


def now() -> datetime:
    return datetime.now(UTC)


ROUTES: Sequence[ControllerRouterHandler] = (wall, seats, advise, flag, drop_flag, listen_in)
