"""The team's policy: its draft, what the draft would have done, publishing and rolling back."""

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import soundfile
from litestar import Response, get, post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.audio.frames import frame_samples
from copilot.console.policy import (
    DAYS,
    Level,
    Mode,
    Profile,
    Quiet,
    TeamPolicy,
    changes,
    read,
    zones,
)
from copilot.console.whatif import Trial
from copilot.core.policy import Item, Rule
from copilot.core.words import tokens
from copilot.errors import PolicyError
from copilot.store.console.rows import Draft, Ruling
from copilot.web.access import Me, Needs
from copilot.web.console.forms import Form, stamp
from copilot.web.console.wall import people, signed
from copilot.web.doors import Number
from copilot.web.pages import AnyRequest, go, page
from copilot.web.services import Given, Services

READS = Needs(Scope.POLICY_READ)
WRITES = Needs(Scope.POLICY_WRITE)
LISTENED_WORDS = 25
"""The longest line that the voice says for a listen."""
SECONDS = 15


@get("/policy", guards=[READS], include_in_schema=False)
async def policy(request: AnyRequest, services: Given, caller: Me) -> Response[str]:
    """What is in force, the draft beside it, and how it came to be."""
    rules = services.console.rules
    today, draft = await rules.today(caller.team_id), await rules.draft(caller.team_id)
    edited = read(draft.body) if draft else today.policy
    history = await rules.history(caller.team_id)
    return await page(
        request,
        "policy.html",
        today=today,
        draft=draft,
        policy=edited,
        changes=changes(today.policy, edited),
        history=_told(history),
        trial=services.console.trials.of(draft) if draft else None,
        report=_report(draft),
        names=await people(services, caller),
        days=DAYS,
        modes=list(Mode),
        rules=list(Rule),
        levels=list(Level),
        profiles={level: edited.profiles.get(level, Profile()) for level in Level},
        zones=zones(),
        voice=services.switchboard.voice is not None,
        seen=stamp(today.policy, draft),
        seen_draft=stamp(draft and draft.body),
        writes=caller.may(Scope.POLICY_WRITE),
    )


def _told(history: Sequence[Ruling]) -> list[dict[str, Any]]:
    """Each policy with what it changed."""
    found = []
    for place, one in enumerate(history):
        before = read(history[place + 1].body) if place + 1 < len(history) else TeamPolicy()
        first = place + 1 == len(history)
        changed = [] if first else changes(before, read(one.body))
        found.append({"ruling": one, "changes": changed, "first": first})
    return found


def _report(draft: Draft | None) -> dict[str, Any] | None:
    if draft is None or not draft.report:
        return None
    return msgspec.json.decode(draft.report, type=dict[str, Any])


@post("/policy", guards=[WRITES], include_in_schema=False)
async def save(request: AnyRequest, services: Given, caller: Me) -> Redirect:
    """Keep the form as the team's draft."""
    rules = services.console.rules
    today = await rules.today(caller.team_id)
    form = await Form.of(request)
    form.saw(stamp(today.policy, await rules.draft(caller.team_id)), "The policy or its draft has")
    made = typed(form)
    if made == today.policy:
        await rules.drop(caller.team_id)
        return go("/policy")
    await rules.write(caller.team_id, signed(caller), made)
    return go("/policy#draft")


def typed(form: Form) -> TeamPolicy:
    """The policy of the page's form; raises PolicyError or ValidationException."""
    values = {
        "mode": form.text("mode"),
        "budget": round(form.number("budget") * 100),
        "cooldown_s": form.whole("cooldown_s"),
        "min_need": form.whole("min_need"),
        "trigger": form.lines("trigger"),
        "do_not_trigger": form.lines("do_not_trigger"),
        "opening_s": form.whole("opening_s", 0),
        "quiet": tuple(_quiet(form)),
        "zone": form.text("zone") or "UTC",
        "profiles": {
            level: profile
            for level in Level
            if set((profile := _profile(form, level)).values()) != {None}
        },
        "levels": {
            key.removeprefix("level:"): form.text(key)
            for key in form.names("level:")
            if form.text(key) not in ("", Level.SKILLED)
        },
        "role": form.text("role"),
        "voice": form.text("voice"),
        "playbook": tuple(_playbook(form)),
    }
    try:
        return msgspec.convert(values, TeamPolicy)
    except msgspec.ValidationError as error:
        raise PolicyError(f"the policy cannot be used: {error}") from None


def _quiet(form: Form) -> "list[Quiet | dict[str, object]]":
    found: list[Quiet | dict[str, object]] = []
    for number in form.numbers("quiet_start:"):
        days = tuple(int(one) for one in form.all(f"quiet_days:{number}") if one.isdigit())
        start, end = form.text(f"quiet_start:{number}"), form.text(f"quiet_end:{number}")
        if days or start or end:
            if not (days and start and end):
                raise PolicyError("a quiet time needs its days, a beginning and an end")
            found.append({"days": days, "start": start, "end": end})
    return found


def _profile(form: Form, level: Level) -> dict[str, object]:
    budget = form.text(f"{level}:budget")
    return {
        "budget": round(form.number(f"{level}:budget") * 100) if budget else None,
        "min_need": form.maybe(f"{level}:min_need"),
        "cooldown_s": form.maybe(f"{level}:cooldown_s"),
    }


def _playbook(form: Form) -> "list[Item | dict[str, object]]":
    found: list[Item | dict[str, object]] = []
    for number in form.numbers("play_name:"):
        name, phrases = form.text(f"play_name:{number}"), form.lines(f"play_phrases:{number}")
        if not name and not phrases:
            continue
        if not (name and phrases):
            raise PolicyError("a line of the playbook needs a name and at least one phrase")
        found.append({"name": name, "rule": form.text(f"play_rule:{number}"), "phrases": phrases})
    return found


@post("/policy/discard", guards=[WRITES], include_in_schema=False)
async def discard(services: Given, caller: Me) -> Redirect:
    """Forget the draft."""
    await services.console.rules.drop(caller.team_id)
    return go("/policy")


@post("/policy/try", guards=[WRITES], include_in_schema=False, status_code=200)
async def attempt(request: AnyRequest, services: Given, caller: Me) -> Response[str]:
    """Run the last calls again under the draft; the answer asks for news of it."""
    draft, trial = await begin(services, caller)
    return await _whatif(request, draft, trial, caller)


async def begin(services: Services, caller: Caller) -> tuple[Draft, Trial]:
    rules = services.console.rules
    draft = await rules.draft(caller.team_id)
    if draft is None:
        raise PolicyError("there is no draft to try: change something first")
    today = await rules.today(caller.team_id)
    return draft, services.console.trials.begin(draft, read(draft.body), today.policy)


@get("/policy/trial", guards=[READS], include_in_schema=False)
async def trial(request: AnyRequest, services: Given, caller: Me) -> Response[str]:
    """How far the what-if has come, or what it told."""
    draft = await services.console.rules.draft(caller.team_id)
    found = services.console.trials.of(draft) if draft else None
    return await _whatif(request, draft, found, caller)


async def _whatif(
    request: AnyRequest, draft: Draft | None, found: Trial | None, caller: Caller
) -> Response[str]:
    if found is not None and found.report and draft is not None:
        draft = msgspec.structs.replace(draft, report=found.report)
    return await page(
        request,
        "_whatif.html",
        draft=draft,
        trial=found,
        report=_report(draft),
        seen_draft=stamp(draft and draft.body),
        writes=caller.may(Scope.POLICY_WRITE),
    )


@post("/policy/publish", guards=[WRITES], include_in_schema=False)
async def publish(request: AnyRequest, services: Given, caller: Me) -> Redirect:
    """Put the draft in force."""
    form = await Form.of(request)
    draft = await services.console.rules.draft(caller.team_id)
    form.saw(stamp(draft and draft.body), "The draft has")
    await publish_draft(services, caller, form.text("note"))
    return go("/policy")


async def publish_draft(services: Services, caller: Caller, note: str) -> Ruling:
    made = await services.console.rules.publish(caller.team_id, signed(caller), note)
    told = f"policy {made.number}{': ' if note else ''}{note}"
    await services.accounts.audit.note(caller, Act.POLICY_PUBLISHED, told)
    return made


@post("/policy/{number:int}/roll-back", guards=[WRITES], include_in_schema=False)
async def roll_back(number: Number, services: Given, caller: Me) -> Redirect:
    """Put an earlier policy in force again."""
    await roll_back_to(services, caller, number)
    return go("/policy")


async def roll_back_to(services: Services, caller: Caller, number: int) -> Ruling:
    made = await services.console.rules.roll_back(caller.team_id, number, signed(caller))
    told = f"back to policy {number} as {made.number}"
    await services.accounts.audit.note(caller, Act.POLICY_ROLLED_BACK, told)
    return made


@get("/policy/voice", guards=[READS], include_in_schema=False)
async def voice(request: AnyRequest, services: Given) -> Response[bytes]:
    """A line as agents would hear it, as a WAV file."""
    text = request.query_params.get("text", "").strip()
    speaker = services.switchboard.voice
    if speaker is None:
        raise NotFoundException("No voice is running: it starts with the server, once a team's "
                                "policy lets cards be spoken.")  # fmt: skip
    if not 1 <= len(tokens(text)) <= LISTENED_WORDS:
        raise ValidationException(f"write 1 to {LISTENED_WORDS} words to listen to")
    chunks, left = [], SECONDS * frame_samples(speaker.rate) * 1000 // 80
    async for chunk in speaker.say(text):
        chunks.append(chunk[:left])
        left -= len(chunk)
        if left <= 0:
            break
    sound = io.BytesIO()
    samples = np.concatenate(chunks) if chunks else np.zeros(1, np.float32)
    soundfile.write(sound, samples, speaker.rate, format="WAV", subtype="PCM_16")
    return Response(sound.getvalue(), media_type="audio/wav", headers={"Cache-Control": "no-store"})


ROUTES: Sequence[ControllerRouterHandler] = (
    policy, save, discard, attempt, trial, publish, roll_back, voice,
)  # fmt: skip
