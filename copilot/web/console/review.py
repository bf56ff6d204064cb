"""Past calls: the search, the judgements of their moments, their sound, and erasing one."""

import asyncio
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, FromQuery
from litestar.response import File, Redirect
from litestar.types import ControllerRouterHandler

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.console.review import Hit, hits, judge
from copilot.core.events import Silence
from copilot.evaluate.labels import Labelled, Use, labels_of
from copilot.store.console.rows import Wanted
from copilot.store.label import Label, standing
from copilot.store.models import State
from copilot.store.team import TeamCalls
from copilot.web.access import Me, Needs
from copilot.web.console.forms import Form, after, day
from copilot.web.console.wall import now, people, signed
from copilot.web.doors import Calls, Shelf
from copilot.web.pages import AnyRequest, go, page
from copilot.web.services import Given, Services

READS = Needs(Scope.CALLS_READ)
PAGE = 25
"""Calls on one page of a search."""
FIELDS = ("q", "pack", "silence", "use", "ended", "agent", "flagged", "since", "until")
TYPED = 300
"""Characters of a search."""


@get("/review", guards=[READS], include_in_schema=False)
async def search(
    request: AnyRequest,
    services: Given,
    caller: Me,
    calls: Calls,
    shelf: Shelf,
    q: FromQuery[str] = "",
    pack: FromQuery[str] = "",
    silence: FromQuery[str] = "",
    use: FromQuery[str] = "",
    ended: FromQuery[str] = "",
    agent: FromQuery[str] = "",
    flagged: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    before: FromQuery[str] = "",
) -> Response[str]:
    """Past calls by words, pack, reason, outcome, agent and time, newest first."""
    wanted = Wanted(
        words=q[:TYPED],
        pack=pack,
        silence=silence,
        use=use,
        state=ended,
        person_id=agent if caller.sees_team else "",
        flagged=bool(flagged),
        since=day(since, "since"),
        until=after(until, "until"),
        before=before,
    )
    found, older, whole = await look(services, calls, wanted)
    kept = {key: value for key, value in request.query_params.items() if value and key != "before"}
    return await page(
        request,
        "review.html",
        hits=found,
        older=older and urlencode({**kept, "before": older}),
        newest=urlencode(kept),
        first_page=not before,
        asked=bool(kept),
        typed={name: kept.get(name, "") for name in FIELDS},
        whole=whole,
        names=await people(services, caller),
        packs=sorted(one.name for one in shelf.packs),
        silences=list(Silence),
        uses=list(Use),
        states=[State.ENDED, State.CUT],
    )


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


@post(
    "/calls/{call_id:str}/labels",
    guards=[Needs(Scope.CALLS_LABEL)],
    include_in_schema=False,
    status_code=200,
)
async def label(
    request: AnyRequest, call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> Response[str]:
    """Say what a moment was worth; answers with the form as it stands then."""
    await calls.call(call_id)
    form = await Form.of(request)
    inquiry = form.whole("inquiry")
    await add_label(
        services,
        caller,
        calls,
        call_id,
        inquiry,
        form.text("verdict"),
        form.text("passage"),
        form.text("note"),
    )
    judged = await judgements(calls, call_id, caller)
    return await page(
        request,
        "_judge.html",
        call_id=call_id,
        inquiry=inquiry,
        shown=form.on("shown"),
        judged=judged.get(inquiry, []),
        mine=signed(caller),
    )


async def add_label(
    services: Services,
    caller: Caller,
    calls: TeamCalls,
    call_id: str,
    inquiry: int,
    verdict: str,
    passage: str = "",
    note: str = "",
) -> Label:
    """Keep a judgement; raises LabelError for one that does not fit the moment."""
    cases = await _cases(calls, call_id)
    made = judge(cases, call_id, inquiry, verdict, signed(caller)[:128], now(), passage, note)
    await calls.label([made])
    row = await calls.call(call_id)
    if row.state is not State.LIVE:
        await services.console.digests.again(call_id)
    return made


async def _cases(calls: TeamCalls, call_id: str) -> tuple[Labelled, ...]:
    entries, labels = await calls.read(call_id), await calls.labels(call_id)
    return await asyncio.to_thread(labels_of, entries, labels)


async def judgements(calls: TeamCalls, call_id: str, caller: Caller) -> Mapping[int, list[Label]]:
    """What people say of each moment, each person's newest."""
    found: dict[int, list[Label]] = {}
    for one in standing(await calls.labels(call_id)):
        found.setdefault(one.inquiry, []).append(one)
    return found


@get("/calls/{call_id:str}/audio", guards=[Needs(Scope.LIVE_LISTEN)], include_in_schema=False)
async def audio(call_id: FromPath[str], services: Given, caller: Me, calls: Calls) -> File:
    """The sound that was kept of a past call."""
    row = await calls.call(call_id)
    path = services.console.desk.recording(call_id)
    if row.state is State.LIVE or not path.exists():
        raise NotFoundException(f"No sound of call {call_id!r} was kept, or not any more.")
    await services.accounts.audit.note(caller, Act.LISTENED, f"{call_id}, recorded")
    return File(
        path,
        media_type="audio/ogg",
        content_disposition_type="inline",
        headers={"Cache-Control": "no-store"},
    )


@post(
    "/calls/{call_id:str}/erase",
    guards=[Needs(Scope.SETTINGS_WRITE)],
    include_in_schema=False,
)
async def erase(call_id: FromPath[str], services: Given, caller: Me, calls: Calls) -> Redirect:
    """Forget a past call for good."""
    await erase_call(services, caller, calls, call_id)
    return go("/review")


async def erase_call(services: Services, caller: Caller, calls: TeamCalls, call_id: str) -> None:
    row = await calls.call(call_id)
    if row.state is State.LIVE:
        raise ValidationException("the call is still on: hang up first")
    await services.console.desk.erase([call_id])
    await services.accounts.audit.note(caller, Act.CALLS_ERASED, call_id)


ROUTES: Sequence[ControllerRouterHandler] = (search, label, audio, erase)
