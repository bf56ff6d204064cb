"""What admins set for their team: consent, retention, redaction; and how the system is."""

import asyncio
import shutil
from collections.abc import Mapping, Sequence

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.console.doctor import Facts, Finding, examine
from copilot.console.settings import AUDIT_DAYS, Consent, Purged, TeamSettings
from copilot.errors import SettingError
from copilot.evaluate.digest import VERSION
from copilot.web.access import Me, Needs
from copilot.web.console.forms import Form, stamp
from copilot.web.console.providers import providers, trial
from copilot.web.console.wall import signed
from copilot.web.doors import Shelf, TeamShelf
from copilot.web.pages import AnyRequest, go, page
from copilot.web.services import Given, Services

READS = Needs(Scope.SETTINGS_READ)
WRITES = Needs(Scope.SETTINGS_WRITE)
DAYS = [name for name in TeamSettings.__struct_fields__ if name.endswith("_days")]
"""How long each kind of data is kept."""


@get("/settings", guards=[READS], include_in_schema=False)
async def settings(request: AnyRequest, services: Given, caller: Me, shelf: Shelf) -> Response[str]:
    """The team's settings, and the system's health."""
    team = await services.console.desk.of(caller.team_id)
    return await page(
        request,
        "settings.html",
        team=team,
        seen=stamp(team),
        consents=list(Consent),
        kept=await services.console.desk.kept(caller.team_id),
        due=await services.console.desk.due(caller.team_id),
        memory_days=services.settings.memory.days,
        audit_days=AUDIT_DAYS,
        findings=await examine_all(services, caller, shelf),
        providers=providers(services, caller.team_id),
        writes=caller.may(Scope.SETTINGS_WRITE),
    )


@post("/settings", guards=[WRITES], include_in_schema=False)
async def save(request: AnyRequest, services: Given, caller: Me) -> Redirect:
    """Keep the form."""
    form = await Form.of(request)
    form.saw(stamp(await services.console.desk.of(caller.team_id)), "The settings have")
    await change(services, caller, typed(form))
    return go("/settings")


def typed(form: Form) -> TeamSettings:
    """The settings of the page's form; raises SettingError or ValidationException."""
    values = {
        "consent": form.text("consent"),
        "consent_text": form.text("consent_text"),
        "listening": form.on("listening"),
        "redact": form.on("redact"),
        "keep_audio": form.on("keep_audio"),
        **{name: form.maybe(name) for name in DAYS},
    }
    return made(values)


def made(values: Mapping[str, object]) -> TeamSettings:
    """Settings by their names; raises SettingError with the one at fault."""
    try:
        return msgspec.convert(values, TeamSettings)
    except msgspec.ValidationError as error:
        raise SettingError(f"the settings cannot be used: {error}") from None


async def change(services: Services, caller: Caller, wanted: TeamSettings) -> None:
    """Keep them, and write down what has changed."""
    before = await services.console.desk.of(caller.team_id)
    names = [
        name for name in wanted.__struct_fields__ if getattr(wanted, name) != getattr(before, name)
    ]
    if not names:
        return
    await services.console.desk.change(caller.team_id, signed(caller), wanted)
    if wanted.redact != before.redact:
        await services.console.digests.forget(caller.team_id)
    told = ", ".join(
        f"{name} = {getattr(wanted, name)}" for name in names if name != "consent_text"
    )
    told = told or "consent_text"
    await services.accounts.audit.note(caller, Act.SETTINGS_CHANGED, told)


@post("/settings/purge", guards=[WRITES], include_in_schema=False)
async def purge(services: Given, caller: Me) -> Redirect:
    """Erase what is too old, now."""
    await purge_now(services, caller)
    return go("/settings#retention")


async def purge_now(services: Services, caller: Caller) -> Purged:
    done = await services.console.desk.purge(caller.team_id)
    told = f"too old to keep: {done}" if done else "nothing was too old"
    await services.accounts.audit.note(caller, Act.CALLS_ERASED, told)
    return done


# ---- health


async def examine_all(services: Services, caller: Caller, shelf: TeamShelf) -> list[Finding]:
    """What the doctor finds."""
    names = list(services.checks)
    asked = await asyncio.gather(*(trial(services, name, caller.team_id) for name in names))
    store = services.store
    fault = "" if store.healthy else store.fault or f"writes are {store.lag:.1f} s behind"
    today = await services.console.rules.today(caller.team_id)
    team = await services.console.desk.of(caller.team_id)
    data = services.settings.data
    usage = await asyncio.to_thread(shutil.disk_usage, data if data.exists() else ".")
    board = services.switchboard
    return examine(
        Facts(
            {
                "store": fault,
                **{n: "" if t.ok else t.told for n, t in zip(names, asked, strict=True)},
            },
            {
                name: str(told)
                for name, gauge in services.gauges.items()
                if (told := gauge(caller.team_id).get("notice"))
            },
            board.live,
            board.capacity,
            usage.free,
            len(await store.console.undigested(VERSION, 1000)),
            today.policy.mode,
            board.voice is not None,
            services.accounts.required,
            len(shelf.packs),
            team.calls_days,
        )
    )


@post("/settings/test/{name:str}", guards=[WRITES], include_in_schema=False, status_code=200)
async def test(
    request: AnyRequest, name: FromPath[str], services: Given, caller: Me
) -> Response[str]:
    """Try a provider out."""
    found = await trial(services, name, caller.team_id)
    return await page(request, "_tested.html", tested=found)


ROUTES: Sequence[ControllerRouterHandler] = (settings, save, purge, test)
