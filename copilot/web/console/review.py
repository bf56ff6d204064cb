"""Past calls: the search, their sound, and erasing one."""

import asyncio
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, FromQuery, SkipValidation
from litestar.response import Redirect, Stream
from litestar.types import ControllerRouterHandler

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.console.review import Hit, hits
from copilot.core.vocabulary import Silence
from copilot.evaluate.labels import Use
from copilot.retrieval.learned import forget_calls
from copilot.store.console.rows import Wanted
from copilot.store.models import State
from copilot.store.team import TeamCalls
from copilot.web import ranges
from copilot.web.access import Me, Needs
from copilot.web.console.forms import after, day
from copilot.web.console.wall import now, people
from copilot.web.doors import Calls, Shelf
from copilot.web.pages import AnyRequest, go, page
from copilot.web.services import Given, Services

READS = Needs(Scope.CALLS_READ)
PAGE = 25
"""Calls on one page of a search."""
FIELDS = ("q", "pack", "silence", "use", "ended", "agent", "flagged", "since", "until")
TYPED = 300
"""Characters of a search."""


def asked(
    q: FromQuery[str] = "",
    pack: FromQuery[str] = "",
    silence: FromQuery[str] = "",
    use: FromQuery[str] = "",
    ended: FromQuery[str] = "",
    agent: FromQuery[str] = "",
    flagged: FromQuery[bool] = False,
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    before: FromQuery[str] = "",
) -> Wanted:
    """What an address asks for."""
    return Wanted(
        words=q[:TYPED],
        pack=pack,
        silence=silence,
        use=use,
        state=ended,
        person_id=agent,
        flagged=flagged,
        since=day(since, "since"),
        until=after(until, "until"),
        before=before,
    )


Sought = NamedDependency[SkipValidation[Wanted]]
"""How a handler asks for ``sought``."""
SOUGHT = {"sought": Provide(asked, sync_to_thread=False)}


@get(["/", "/calls"], guards=[READS], dependencies=SOUGHT, include_in_schema=False)
async def search(
    request: AnyRequest,
    services: Given,
    caller: Me,
    calls: Calls,
    shelf: Shelf,
    sought: Sought,
) -> Response[str]:
    """All calls, or past ones by words, pack, reason, outcome, agent and time, newest first."""
    kept = {key: value for key, value in request.query_params.items() if value and key != "before"}
    found, older, whole = await (look if kept else newest)(services, calls, sought)
    return await page(
        request,
        "calls.html",
        hits=found,
        older=older and urlencode({**kept, "before": older}),
        first=urlencode(kept),
        live=services.switchboard.live_in(caller.team_id),
        capacity=services.switchboard.capacity,
        notices=[
            told
            for gauge in services.gauges.values()
            if (told := gauge(caller.team_id).get("notice"))
        ],
        first_page=not sought.before,
        asked=bool(kept),
        sifted=bool(kept.keys() - {"q"}),
        typed={name: kept.get(name, "") for name in FIELDS},
        whole=whole,
        names=await people(services, caller),
        packs=sorted(one.name for one in shelf.packs),
        silences=list(Silence),
        uses=list(Use),
        states=[State.ENDED, State.CUT],
    )


async def newest(
    services: Services, calls: TeamCalls, wanted: Wanted, limit: int = PAGE
) -> tuple[list[Hit], str, bool]:
    """A page of all calls, those that are on among them, and where the next one begins."""
    rows = await calls.calls(limit + 1, wanted.before or None)
    older = rows[limit - 1].id if len(rows) > limit else ""
    return [Hit(row) for row in rows[:limit]], older, True


async def look(
    services: Services, calls: TeamCalls, wanted: Wanted, limit: int = PAGE
) -> tuple[list[Hit], str, bool]:
    """A page of calls, where the next one begins, and whether all past calls have been read."""
    whole = await services.console.digests.catch_up()
    if wanted.before:
        await calls.call(wanted.before)
    tables = services.store.console
    rows = await tables.find(wanted, calls.within, limit + 1)
    older = rows[limit - 1].id if len(rows) > limit else ""
    rows = rows[:limit]
    words = await tables.words([row.id for row in rows]) if wanted.words.strip() else {}
    return await asyncio.to_thread(hits, rows, words, wanted), older, whole


# ---- one call


@get("/calls/{call_id:str}/audio", guards=[Needs(Scope.LIVE_LISTEN)], include_in_schema=False)
async def audio(
    request: AnyRequest, call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> Response[Any] | Stream:
    """The sound that was kept of a past call, or the part of it that a player asks for."""
    row = await calls.call(call_id)
    path = services.console.desk.recording(call_id)
    if row.state is State.LIVE or not path.exists():
        raise NotFoundException(f"No sound of call {call_id!r} was kept, or not any more.")
    if services.console.listens.begins(caller.person_id, call_id, now()):
        await services.accounts.audit.note(caller, Act.LISTENED, f"{call_id}, recorded")
    return ranges.serve(request, path, "audio/ogg")


@post(
    "/calls/{call_id:str}/erase",
    guards=[Needs(Scope.SETTINGS_WRITE)],
    include_in_schema=False,
)
async def erase(call_id: FromPath[str], services: Given, caller: Me, calls: Calls) -> Redirect:
    """Forget a past call for good."""
    await erase_call(services, caller, calls, call_id)
    return go("/")


async def erase_call(services: Services, caller: Caller, calls: TeamCalls, call_id: str) -> None:
    row = await calls.call(call_id)
    if row.state is State.LIVE:
        raise ValidationException("the call is still on: hang up first")
    await services.console.desk.erase([call_id])
    await asyncio.to_thread(forget_calls, services.settings.data, [call_id])
    await services.accounts.audit.note(caller, Act.CALLS_ERASED, call_id)


ROUTES: Sequence[ControllerRouterHandler] = (search, audio, erase)
