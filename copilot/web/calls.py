"""One call's page, its log as a download, and the source of a card."""

import asyncio
from collections.abc import AsyncIterator, Callable

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from markupsafe import Markup, escape

from copilot.accounts.roles import Scope
from copilot.console.review import pattern_of
from copilot.console.settings import cleaner
from copilot.core.events import Entry, encode
from copilot.evaluate.cases import cases_of
from copilot.store.models import State
from copilot.web import phrases, story, timeline
from copilot.web.access import Me, Needs
from copilot.web.console.after import written_of
from copilot.web.console.judging import judgements, titles
from copilot.web.console.wall import people, signed
from copilot.web.doors import Calls, Shelf
from copilot.web.pages import AnyRequest, page
from copilot.web.services import Given

_LINES = 500
"""Log lines in one chunk of a download."""


@get("/calls/{call_id:str}", guards=[Needs(Scope.CALLS_READ)], include_in_schema=False)
async def call(
    request: AnyRequest,
    call_id: FromPath[str],
    services: Given,
    caller: Me,
    calls: Calls,
    shelf: Shelf,
    q: FromQuery[str] = "",
) -> Response[str]:
    """The call as it happens while it is on, and as a story when it has ended."""
    row = await calls.call(call_id)
    names = await people(services, caller)
    if row.state is State.LIVE:
        desk = await services.console.desk.of(caller.team_id)
        return await page(
            request,
            "live.html",
            call=row,
            phrases=phrases.for_scripts(),
            agent=names.get(row.person_id, ""),
            listening=desk.listening,
            here=services.switchboard.find(call_id) is not None,
        )
    entries = await calls.read(call_id)
    flags = await services.store.console.flags(call_id)
    told = await asyncio.to_thread(story.tell, entries)
    clean = cleaner(await services.console.desk.of(caller.team_id))
    leads = await asyncio.to_thread(_leads, entries)
    return await page(
        request,
        "call.html",
        call=row,
        story=told,
        rows=timeline.rows(told, flags, leads, clean.part),
        clean=clean.part,
        leads=leads,
        final=_final(told),
        flags=flags,
        judged=await judgements(calls, call_id),
        offered=(),
        title_of=titles(shelf),
        saved=False,
        mine=signed(caller),
        labels=caller.may(Scope.CALLS_LABEL),
        agent=names.get(row.person_id, ""),
        written=await written_of(services, row),
        audio=services.console.desk.recording(call_id).exists(),
        found=marker(q, clean.talk),
    )


def _leads(entries: list[Entry]) -> dict[int, int]:
    """How long each card came before the end of its question, milliseconds."""
    return {case.inquiry: case.lead_ms for case in cases_of(entries) if case.lead_ms is not None}


def _final(told: story.Story) -> set[int]:
    """The silences that an inquiry ended with: what may be judged."""
    cards = {card.inquiry for card in told.cards}
    last = {held.inquiry: place for place, held in enumerate(told.silences)}
    return {place for inquiry, place in last.items() if inquiry not in cards}


def marker(words: str, clean: Callable[[str], str]) -> Callable[[str], Markup]:
    """Marks what is looked for in a line of talk, once that is clean; all else of it stays text."""
    pattern = pattern_of(words[:300])

    def mark(text: str) -> Markup:
        text = clean(text)
        if pattern is None:
            return escape(text)
        parts, last = list[Markup](), 0
        for hit in pattern.finditer(text):
            parts += [escape(text[last : hit.start()]), Markup("<mark>{}</mark>").format(hit[0])]
            last = hit.end()
        return Markup("").join([*parts, escape(text[last:])])

    return mark


@get("/calls/{call_id:str}/log", guards=[Needs(Scope.CALLS_READ)], include_in_schema=False)
async def log(call_id: FromPath[str], calls: Calls) -> Stream:
    """The log as JSON Lines: what ``copilot replay`` reads."""
    entries = await calls.read(call_id)
    return Stream(
        _lines(entries),
        media_type="application/jsonl",
        headers={"Content-Disposition": f'attachment; filename="{_file_name(call_id)}.jsonl"'},
    )


@get(
    "/passages/{passage_id:path}",
    guards=[Needs(Scope.KNOWLEDGE_READ)],
    include_in_schema=False,
)
async def passage(request: AnyRequest, passage_id: FromPath[str], shelf: Shelf) -> Response[str]:
    """What a card rests on, as the packs in use have it now."""
    wanted = passage_id.lstrip("/")
    found = shelf.source(wanted)
    if found is None:
        raise NotFoundException(
            f"No passage {wanted!r} is in the packs in use. It may have been renamed "
            "since the call; the call's own page still has its text."
        )
    return await page(request, "passage.html", passage=found.passage, pack=found.pack)


async def _lines(entries: list[Entry]) -> AsyncIterator[bytes]:
    """Log lines in chunks, giving way to live calls between two of them."""
    for start in range(0, len(entries), _LINES):
        yield b"".join(encode(entry) + b"\n" for entry in entries[start : start + _LINES])
        await asyncio.sleep(0)


def _file_name(call_id: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in call_id)
