"""What people say of a call's moments: the verdict, the passage that was right, and a note."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.console.review import judge
from copilot.core.vocabulary import Passage
from copilot.errors import UserError
from copilot.evaluate.labels import Labelled, labels_of
from copilot.store.label import NOTHING, Label, Verdict, standing
from copilot.store.models import State
from copilot.store.team import TeamCalls
from copilot.web.access import Me, Needs
from copilot.web.console.forms import Form
from copilot.web.console.wall import now, signed
from copilot.web.doors import Calls, Shelf, TeamShelf
from copilot.web.pages import AnyRequest, page
from copilot.web.services import Given, Services

LABELS = Needs(Scope.CALLS_LABEL)
MOST = 8
"""Passages that are offered as the right one."""
TYPED = 300
OPEN = frozenset({Verdict.WRONG, Verdict.MISSED})
"""Verdicts after which it is open which passage would have been right."""


class Choice(Struct, frozen=True):
    """A passage that may have been the right one."""

    id: str
    title: str
    say: str


@post("/calls/{call_id:str}/labels", guards=[LABELS], include_in_schema=False, status_code=200)
async def label(
    request: AnyRequest,
    call_id: FromPath[str],
    services: Given,
    caller: Me,
    calls: Calls,
    shelf: Shelf,
) -> Response[str]:
    """Say what a moment was worth; answers with the form as it stands then."""
    await calls.call(call_id)
    form = await Form.of(request)
    inquiry, verdict = form.whole("inquiry"), form.text("verdict")
    made = await add_label(
        services,
        caller,
        calls,
        call_id,
        inquiry,
        verdict,
        form.text("passage") if verdict in OPEN else "",
        form.text("note"),
    )
    offered: Sequence[Choice] = ()
    if made.verdict in OPEN and not made.passage:
        cases = await _cases(calls, call_id)
        one = next(one for one in cases if one.case.inquiry == inquiry)
        offered = await choices(services, shelf, one.query, one)
    judged = await judgements(calls, call_id)
    return await page(
        request,
        "_judge.html",
        call_id=call_id,
        inquiry=inquiry,
        shown=form.on("shown"),
        judged=judged.get(inquiry, []),
        mine=signed(caller),
        offered=offered,
        title_of=titles(shelf),
        saved=True,
    )


@get("/calls/{call_id:str}/passages", guards=[LABELS], include_in_schema=False)
async def search(
    request: AnyRequest,
    call_id: FromPath[str],
    services: Given,
    calls: Calls,
    shelf: Shelf,
    q: FromQuery[str] = "",
    inquiry: FromQuery[int] = 0,
) -> Response[str]:
    """Passages to choose the right one from, as a part of the call's page."""
    cases = await _cases(calls, call_id)
    about = next((one for one in cases if one.case.inquiry == inquiry), None)
    offered = await choices(services, shelf, q, about)
    return await page(request, "_choices.html", offered=offered, chosen="", q=q)


async def choices(
    services: Services, shelf: TeamShelf, words: str, about: Labelled | None = None
) -> Sequence[Choice]:
    """What the search that calls use finds for these words in the team's packs, best first;
    without the passage of the card that it is `about`, for that was wrong."""
    wanted = " ".join(words.split())[:TYPED]
    if not wanted:
        return ()
    try:
        pinned = services.switchboard.shelves.pin(shelf.names(()))
    except UserError:  # the team has no pack: there is nothing to choose from
        return ()
    shown = about.passage if about is not None and about.case.shown else ""
    found = await pinned.retriever.search(wanted, MOST + 1)
    return [_choice(one) for one in found.passages if one.id != shown][:MOST]


def _choice(passage: Passage) -> Choice:
    return Choice(passage.id, passage.title, passage.say or passage.text[:200])


def titles(shelf: TeamShelf) -> Callable[[str], str]:
    """Tells a passage's title; its id where the packs in use do not have it any more."""

    def title(id: str) -> str:
        if id == NOTHING:
            return "Nothing in the packs"
        found = shelf.source(id)
        return found.passage.title if found else id

    return title


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


async def judgements(calls: TeamCalls, call_id: str) -> Mapping[int, list[Label]]:
    """What people say of each moment, each person's newest."""
    found: dict[int, list[Label]] = {}
    for one in standing(await calls.labels(call_id)):
        found.setdefault(one.inquiry, []).append(one)
    return found


ROUTES: Sequence[ControllerRouterHandler] = (label, search)
