"""The console for programs: the same services, as JSON."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, delete, get, patch, post, put
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.status_codes import HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT
from msgspec import Meta, Struct

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.console.analytics import Analytics
from copilot.console.doctor import Finding
from copilot.console.policy import TeamPolicy, check, read, write
from copilot.console.review import Hit
from copilot.console.settings import Holding, Purged, TeamSettings
from copilot.console.wall import Seat
from copilot.store.console.rows import Flag, Ruling
from copilot.store.label import Label, Verdict
from copilot.store.models import CallRow
from copilot.web.access import Me, Needs
from copilot.web.console import analytics as figures
from copilot.web.console import judging, policy, providers, review, settings, wall
from copilot.web.doors import Calls, Number, Shelf
from copilot.web.services import Given, Services

MOST = 100
"""Calls in one answer."""


class RulingOut(Struct, frozen=True):
    """A published policy."""

    number: int
    at: datetime
    by: str
    note: str
    policy: TeamPolicy


class PolicyOut(Struct, frozen=True):
    """What is in force, and what is being worked on."""

    policy: TeamPolicy
    number: int
    """0: the team has published none, and the server's settings hold."""
    draft: TeamPolicy | None
    tried: bool
    """Whether the draft's what-if has been run: only then it can be published."""


class TrialOut(Struct, frozen=True):
    """A what-if."""

    running: bool
    done: int
    of: int
    fault: str
    report: dict[str, Any] | None


class Publish(Struct, frozen=True, forbid_unknown_fields=True):
    """What an author says about a policy."""

    note: Annotated[str, Meta(max_length=500)] = ""


class CallsOut(Struct, frozen=True):
    """A page of calls, newest first."""

    calls: list[Hit]
    before: str
    """To be given for the next page; empty: there is none."""
    whole: bool
    """False: some calls have not been read yet."""


class Judge(Struct, frozen=True, forbid_unknown_fields=True):
    """What a moment was worth."""

    inquiry: Annotated[int, Meta(ge=1, lt=2**31)]
    verdict: Verdict
    passage: Annotated[str, Meta(max_length=2000)] = ""
    note: Annotated[str, Meta(max_length=2000)] = ""


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """A moment to come back to."""

    tick: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    """Null: the last one."""
    note: Annotated[str, Meta(max_length=500)] = ""


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """A line to an agent."""

    text: Annotated[str, Meta(min_length=1, max_length=200)]


class WallOut(Struct, frozen=True):
    """Calls that are on."""

    seats: list[Seat]
    hidden: int
    capacity: int


# ---- policy


@get("/policy", guards=[policy.READS])
async def get_policy(services: Given, caller: Me) -> PolicyOut:
    """What is in force, and the draft beside it."""
    return await _policy(services, caller)


async def _policy(services: Services, caller: Caller) -> PolicyOut:
    rules = services.console.rules
    today, draft = await rules.today(caller.team_id), await rules.draft(caller.team_id)
    made = read(draft.body) if draft else None
    return PolicyOut(today.policy, today.number, made, bool(draft and draft.report))


@put("/policy/draft", guards=[policy.WRITES])
async def put_draft(data: JSONBody[TeamPolicy], services: Given, caller: Me) -> PolicyOut:
    """Make this the team's draft."""
    made = read(write(check(data)))
    await services.console.rules.write(caller.team_id, wall.signed(caller), made)
    return await _policy(services, caller)


@delete("/policy/draft", guards=[policy.WRITES])
async def delete_draft(services: Given, caller: Me) -> None:
    """Forget the draft."""
    await services.console.rules.drop(caller.team_id)


@post("/policy/draft/trial", guards=[policy.WRITES], status_code=HTTP_202_ACCEPTED)
async def post_trial(services: Given, caller: Me) -> TrialOut:
    """Run the last calls again under the draft; ask again for what it tells."""
    _, trial = await policy.begin(services, caller)
    return _trial(trial, "")


@get("/policy/draft/trial", guards=[policy.READS])
async def get_trial(services: Given, caller: Me) -> TrialOut:
    """How far the what-if has come, or what it told."""
    draft = await services.console.rules.draft(caller.team_id)
    if draft is None:
        raise NotFoundException("There is no draft.")
    return _trial(services.console.trials.of(draft), draft.report)


def _trial(trial: Any, report: str) -> TrialOut:
    told = (trial.report if trial else "") or report
    made = msgspec.json.decode(told, type=dict[str, Any]) if told else None
    if trial is None:
        return TrialOut(False, 0, 0, "", made)
    return TrialOut(trial.running, trial.done, trial.of, trial.fault, made)


@post("/policy/draft/publish", guards=[policy.WRITES])
async def post_publish(data: JSONBody[Publish], services: Given, caller: Me) -> RulingOut:
    """Put the draft in force; 422 unless its what-if has been run."""
    return _ruling(await policy.publish_draft(services, caller, data.note))


@get("/policy/history", guards=[policy.READS])
async def get_history(services: Given, caller: Me) -> list[RulingOut]:
    """Published policies, newest first."""
    return [_ruling(one) for one in await services.console.rules.history(caller.team_id)]


@post("/policy/{number:int}/roll-back", guards=[policy.WRITES])
async def post_roll_back(number: Number, services: Given, caller: Me) -> RulingOut:
    """Put an earlier policy in force again."""
    return _ruling(await policy.roll_back_to(services, caller, number))


def _ruling(one: Ruling) -> RulingOut:
    return RulingOut(one.number, one.at, one.by, one.note, read(one.body))


# ---- calls


@get("/wall", guards=[wall.WATCHES])
async def get_wall(services: Given, caller: Me, calls: Calls, shelf: Shelf) -> WallOut:
    """The calls that are on; the events of one come from ``/calls/{id}/live``."""
    seen = await wall.look(services, caller, calls, shelf)
    return WallOut(list(seen.seats), seen.hidden, seen.capacity)


@get("/calls", guards=[review.READS], dependencies=review.SOUGHT)
async def get_calls(
    services: Given, calls: Calls, sought: review.Sought, limit: FromQuery[int] = review.PAGE
) -> CallsOut:
    """Past calls by words, pack, reason, outcome, agent and time."""
    found, older, whole = await review.look(services, calls, sought, max(1, min(limit, MOST)))
    return CallsOut(found, older, whole)


@get("/calls/{call_id:str}", guards=[review.READS])
async def get_call(call_id: FromPath[str], calls: Calls) -> CallRow:
    """One call; its log comes from ``/calls/{id}/log``."""
    return await calls.call(call_id)


@delete("/calls/{call_id:str}", guards=[settings.WRITES])
async def delete_call(call_id: FromPath[str], services: Given, caller: Me, calls: Calls) -> None:
    """Forget a past call for good."""
    await review.erase_call(services, caller, calls, call_id)


@get("/calls/{call_id:str}/labels", guards=[review.READS])
async def get_labels(call_id: FromPath[str], calls: Calls) -> list[Label]:
    """What people say of its moments, in the order in which they said it."""
    return await calls.labels(call_id)


@post("/calls/{call_id:str}/labels", guards=[Needs(Scope.CALLS_LABEL)])
async def post_label(
    data: JSONBody[Judge], call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> Label:
    """Say what a moment was worth."""
    return await judging.add_label(
        services, caller, calls, call_id, data.inquiry, data.verdict, data.passage, data.note
    )


@get("/calls/{call_id:str}/flags", guards=[review.READS])
async def get_flags(call_id: FromPath[str], services: Given, calls: Calls) -> list[Flag]:
    """Marked moments."""
    await calls.call(call_id)
    return await services.store.console.flags(call_id)


@post(
    "/calls/{call_id:str}/flags",
    guards=[Needs(Scope.CALLS_LABEL)],
    status_code=HTTP_204_NO_CONTENT,
)
async def post_flag(
    data: JSONBody[Mark], call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> None:
    """Mark a moment."""
    await wall.add_flag(services, caller, calls, call_id, data.tick, data.note)


@delete("/calls/{call_id:str}/flags/{number:int}", guards=[Needs(Scope.CALLS_LABEL)])
async def delete_flag(
    call_id: FromPath[str], number: Number, services: Given, calls: Calls
) -> None:
    """Take a mark away."""
    await calls.call(call_id)
    if not await services.store.console.drop_flag(call_id, number):
        raise NotFoundException(f"There is no mark {number} in this call.")


@post(
    "/calls/{call_id:str}/advice",
    guards=[Needs(Scope.LIVE_WHISPER)],
    status_code=HTTP_204_NO_CONTENT,
)
async def post_advice(
    data: JSONBody[Line], call_id: FromPath[str], services: Given, caller: Me, calls: Calls
) -> None:
    """Send the agent a line during the call."""
    await wall.send_advice(services, caller, calls, call_id, data.text)


# ---- analytics and settings


@get("/analytics", guards=[figures.READS], dependencies=figures.ONLY)
async def get_analytics(
    services: Given,
    caller: Me,
    calls: Calls,
    only: figures.Only,
) -> Analytics:
    """What calls of a time came to; ``/analytics.csv`` has every moment."""
    found, _ = await figures.measure(services, caller, calls, only)
    return found


@get("/settings", guards=[settings.READS])
async def get_settings(services: Given, caller: Me) -> TeamSettings:
    """Consent, retention and redaction of the team."""
    return await services.console.desk.of(caller.team_id)


@patch("/settings", guards=[settings.WRITES])
async def patch_settings(
    data: JSONBody[dict[str, Any]], services: Given, caller: Me
) -> TeamSettings:
    """Change those that are named."""
    before = msgspec.to_builtins(await services.console.desk.of(caller.team_id))
    made = settings.made({**before, **data})
    await settings.change(services, caller, made)
    return made


@get("/settings/kept", guards=[settings.READS])
async def get_kept(services: Given, caller: Me) -> Holding:
    """What the team has now of each kind of data."""
    return await services.console.desk.kept(caller.team_id)


@post("/settings/purge", guards=[settings.WRITES], status_code=200)
async def post_purge(services: Given, caller: Me) -> Purged:
    """Erase what is older than the team keeps it."""
    return await settings.purge_now(services, caller)


@get("/health", guards=[settings.READS])
async def get_health(services: Given, caller: Me, shelf: Shelf) -> list[Finding]:
    """How the system is, and what to do about it; the worst first."""
    return await settings.examine_all(services, caller, shelf)


@post("/providers/{name:str}/test", guards=[settings.WRITES], status_code=200)
async def post_test(name: FromPath[str], services: Given, caller: Me) -> providers.Tested:
    """Try a provider out: ``store``, ``search``, ``ear``, ``voice``, ``mind``."""
    return await providers.trial(services, name, caller.team_id)


router = Router(
    "/api/v1",
    tags=["console"],
    route_handlers=[
        get_policy, put_draft, delete_draft, post_trial, get_trial, post_publish, get_history,
        post_roll_back, get_wall, get_calls, get_call, delete_call, get_labels, post_label,
        get_flags, post_flag, delete_flag, post_advice, get_analytics, get_settings,
        patch_settings, get_kept, post_purge, get_health, post_test,
    ],
)  # fmt: skip
