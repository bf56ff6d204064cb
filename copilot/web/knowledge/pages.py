"""Pages of knowledge bases: the list, one base with its passages, making, naming, dropping."""

from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, SkipValidation
from litestar.response import Redirect

from copilot.accounts.roles import Scope
from copilot.retrieval.drafts import About, Unusable
from copilot.web.access import Me, Needs
from copilot.web.knowledge import views
from copilot.web.knowledge.desk import Desk
from copilot.web.knowledge.forms import fields
from copilot.web.knowledge.standing import Base, State
from copilot.web.knowledge.views import Show
from copilot.web.pages import AnyRequest, go, page

READ, WRITE = Needs(Scope.KNOWLEDGE_READ), Needs(Scope.KNOWLEDGE_WRITE)
Bases = NamedDependency[SkipValidation[Desk]]
"""How a handler asks for ``desk``."""
LANGUAGES = {
    "en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian",
    "nl": "Dutch", "pt": "Portuguese", "pl": "Polish",
}  # fmt: skip


@get("/knowledge", guards=[READ], include_in_schema=False)
async def index(request: AnyRequest, caller: Me, desk: Bases) -> Response[str]:
    """All knowledge bases of the team."""
    return await page(
        request, "knowledge/list.html", bases=await desk.bases(caller), states=views.STATES
    )


@get("/knowledge/new", guards=[WRITE], include_in_schema=False)
async def new(request: AnyRequest) -> Response[str]:
    """The form to make one."""
    return await _new(request, About(""), {})


@post("/knowledge/new", guards=[WRITE], include_in_schema=False)
async def create(request: AnyRequest, caller: Me, desk: Bases) -> Response[str] | Redirect:
    """An empty one, and on to its files."""
    about = _about(await fields(request))
    try:
        pack = await desk.create(caller, about)
    except Unusable as error:
        return await _new(request, about, error.fields, 422)
    return go(f"/knowledge/{pack}/files")


@get("/knowledge/{pack:str}", guards=[READ], include_in_schema=False)
async def base(
    request: AnyRequest,
    pack: FromPath[str],
    caller: Me,
    desk: Bases,
    q: FromQuery[str] = "",
    show: FromQuery[str] = "all",
    file: FromQuery[str] = "",
    at: FromQuery[int] = 1,
) -> Response[str]:
    """Its passages, a page at a time; only the list itself where a script asks for it."""
    found = await desk.base(caller, pack)
    if found.state is State.EMPTY and found.editable and caller.may(Scope.KNOWLEDGE_WRITE):
        return await files_page(request, found)
    chosen = Show(show) if show in list(Show) else Show.ALL
    listed = views.passages(found.draft, q, chosen, file, at)
    part = request.headers.get("hx-target") == "passages"
    return await base_page(
        request,
        "knowledge/_passages.html" if part else "knowledge/base.html",
        found,
        "passages",
        listed=listed,
        q=q,
        show=chosen,
        shows=list(Show),
        file=file,
    )


@get("/knowledge/{pack:str}/about", guards=[WRITE], include_in_schema=False)
async def about(request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases) -> Response[str]:
    """What it is called."""
    found = await desk.base(caller, pack)
    given = About(found.title, found.description, found.language)
    return await _named(request, found, given, {})


@post("/knowledge/{pack:str}/about", guards=[WRITE], include_in_schema=False)
async def describe(
    request: AnyRequest, pack: FromPath[str], caller: Me, desk: Bases
) -> Response[str] | Redirect:
    """Call it otherwise."""
    found = await desk.base(caller, pack)
    given = _about(await fields(request))
    try:
        await desk.describe(caller, pack, given)
    except Unusable as error:
        return await _named(request, found, given, error.fields, 422)
    return go(f"/knowledge/{pack}")


@post("/knowledge/{pack:str}/adopt", guards=[WRITE], include_in_schema=False)
async def adopt(pack: FromPath[str], caller: Me, desk: Bases) -> Redirect:
    """Copy it into the console, to be edited there."""
    await desk.adopt(caller, pack)
    return go(f"/knowledge/{pack}")


@post("/knowledge/{pack:str}/drop", guards=[WRITE], include_in_schema=False)
async def drop(pack: FromPath[str], caller: Me, desk: Bases) -> Redirect:
    """Take a draft away that calls never got."""
    await desk.drop(caller, pack)
    return go("/knowledge")


async def base_page(
    request: AnyRequest,
    template: str,
    found: Base,
    tab: str,
    *,
    status: int = 200,
    **values: Any,
) -> Response[str]:
    """A page about one knowledge base, with what all of those show."""
    return await page(
        request,
        template,
        status=status,
        base=found,
        tab=tab,
        state=views.STATES[found.state],
        steps=views.steps(found),
        views=views,
        **values,
    )


async def files_page(
    request: AnyRequest, found: Base, told: list[object] | None = None, status: int = 200
) -> Response[str]:
    """The files with their faults."""
    draft = found.draft
    loose = []
    if draft is not None:
        known = {f"{_folder(found)}{one.name}" for one in draft.files}
        loose = [one for one in draft.faults if not any(one.file.endswith(k) for k in known)]
    return await base_page(
        request,
        "knowledge/files.html",
        found,
        "files",
        status=status,
        loose=loose,
        told=told or [],
    )


def _folder(found: Base) -> str:
    return f"/{found.name}/"


def _about(form: dict[str, str]) -> About:
    return About(
        form.get("title", ""), form.get("description", ""), form.get("language", "en")[:20]
    )


async def _new(
    request: AnyRequest, given: About, faults: dict[str, str], status: int = 200
) -> Response[str]:
    return await page(
        request,
        "knowledge/new.html",
        status=status,
        given=given,
        faults=faults,
        languages=LANGUAGES,
    )


async def _named(
    request: AnyRequest, found: Base, given: About, faults: dict[str, str], status: int = 200
) -> Response[str]:
    return await base_page(
        request,
        "knowledge/about.html",
        found,
        "about",
        status=status,
        given=given,
        faults=faults,
        languages=LANGUAGES,
    )


ROUTES = (index, new, create, base, about, describe, adopt, drop)
