"""What calls of a time came to, as pictures, and every moment as a spreadsheet."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ValidationException
from litestar.params import FromQuery, SkipValidation
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.console.analytics import Analytics, Filter, sum_up, table, wanted
from copilot.console.policy import Level
from copilot.evaluate.reliability import svg
from copilot.store.team import TeamCalls
from copilot.web.access import Me, Needs
from copilot.web.console import charts
from copilot.web.console.forms import after, day
from copilot.web.console.wall import now, people
from copilot.web.doors import Calls, Shelf
from copilot.web.pages import AnyRequest, page
from copilot.web.services import Given, Services

READS = Needs(Scope.ANALYTICS_READ)
DAYS = 14
"""That are looked at unless somebody says otherwise."""
LONGEST = 366
ROWS = 200
"""Lines of the spreadsheet that are sent at once."""


def asked(
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    pack: FromQuery[str] = "",
    agent: FromQuery[str] = "",
    level: FromQuery[str] = "",
) -> Filter:
    """Which calls are meant; raises ValidationException for a time that makes no sense."""
    end = after(until, "until") or _tomorrow()
    begin = day(since, "since") or end - timedelta(days=DAYS)
    if not timedelta(0) < end - begin <= timedelta(days=LONGEST):
        raise ValidationException(f"since and until: choose 1 to {LONGEST} days")
    return Filter(begin, end, pack, agent, level)


Only = NamedDependency[SkipValidation[Filter]]
"""How a handler asks for ``only``."""
ONLY = {"only": Provide(asked, sync_to_thread=False)}


def _tomorrow() -> datetime:
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    return today.astimezone(UTC) + timedelta(days=1)


async def measure(
    services: Services,
    caller: Caller,
    calls: TeamCalls,
    only: Filter,
    calibrate: bool = True,
) -> tuple[Analytics, bool]:
    """The figures, and whether all past calls have been read."""
    whole = await services.console.digests.catch_up()
    tables, names = services.store.console, await people(services, caller)
    spoken = await tables.spoken(calls.within, only.since, only.until)
    told = await tables.told(calls.within, only.since, only.until)
    return await asyncio.to_thread(sum_up, spoken, told, only, names, calibrate), whole


@get("/analytics", guards=[READS], dependencies=ONLY, include_in_schema=False)
async def analytics(
    request: AnyRequest,
    services: Given,
    caller: Me,
    calls: Calls,
    shelf: Shelf,
    only: Only,
) -> Response[str]:
    """Whispers and silences, what became of them, and what was missing."""
    found, whole = await measure(services, caller, calls, only, calibrate=False)
    last = (only.until - timedelta(days=1)).date().isoformat()
    typed = {
        "since": only.since.date().isoformat(),
        "until": last,
        "pack": only.pack,
        "agent": only.person_id,
        "level": only.level,
    }
    return await page(
        request,
        "analytics.html",
        found=found,
        whole=whole,
        typed=typed,
        query=urlencode({key: value for key, value in typed.items() if value}),
        names=await people(services, caller),
        packs=sorted(one.name for one in shelf.packs),
        levels=list(Level),
        groups=charts.GROUPS,
        activity=charts.activity(found.days),
        budget=charts.budget(found.days),
        leads=charts.leads(found.leads),
        uses=charts.share(found),
    )


@get("/analytics/calibration.svg", guards=[READS], dependencies=ONLY, include_in_schema=False)
async def calibration(
    services: Given,
    caller: Me,
    calls: Calls,
    only: Only,
) -> Response[str]:
    """Whether support means what it says."""
    found, _ = await measure(services, caller, calls, only)
    assert found.calibration is not None
    drawn = await asyncio.to_thread(svg, found.calibration, "Support and use")
    return Response(drawn, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@get("/analytics.csv", guards=[READS], dependencies=ONLY, include_in_schema=False)
async def spreadsheet(
    services: Given,
    caller: Me,
    calls: Calls,
    only: Only,
) -> Stream:
    """Every moment of the time, a line each."""
    await services.console.digests.catch_up()
    told = await services.store.console.told(calls.within, only.since, only.until)
    rows = list(table(wanted(told, only), await people(services, caller)))
    headers = {
        "Content-Disposition": 'attachment; filename="copilot-moments.csv"',
        "Cache-Control": "no-store",
    }
    return Stream(_lines(rows), media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(rows: Sequence[Iterable[str]]) -> AsyncIterator[bytes]:
    for start in range(0, len(rows), ROWS):
        text = io.StringIO()
        csv.writer(text).writerows(rows[start : start + ROWS])
        yield text.getvalue().encode()
        await asyncio.sleep(0)


ROUTES: Sequence[ControllerRouterHandler] = (analytics, calibration, spreadsheet)
