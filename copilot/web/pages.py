"""Renders templates: one environment, the same few globals and filters on every page."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect
from markdown_it import MarkdownIt
from markupsafe import Markup

from copilot.accounts.caller import Caller, everybody
from copilot.accounts.roles import Role, Scope
from copilot.web import navigation, phrases

AnyRequest = Request[Any, Any, Any]

HERE = Path(__file__).parent
STATIC = HERE / "static"


class Visit(NamedTuple):
    """What a browser's forms are bound to; `copilot.web.access` puts it into the request."""

    csrf: str = ""
    """Carried by every form; empty where none is asked for."""
    cookie: Cookie | None = None
    """To be set with the page, where the browser has none yet."""


def environment(version: str) -> Environment:
    """The templates with what they all use; everything is escaped, a missing value is an error."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.globals["version"] = version
    found.globals["words"] = phrases
    found.globals["Scope"] = Scope
    found.globals["Role"] = Role
    found.filters["clock"] = phrases.clock
    found.filters["duration"] = phrases.duration
    found.filters["markdown"] = markdown
    return found


def who(request: AnyRequest) -> Caller | None:
    """The caller; also where no route was found, if everybody is the same."""
    caller: Caller | None = request.scope.get("user")
    if caller is None and not request.app.state.services.accounts.required:
        return everybody()
    return caller


def render(request: AnyRequest, template: str, **values: object) -> str:
    """The page as text; raises jinja2.TemplateError where a template is at fault."""
    environment: Environment = request.app.state.templates
    caller = who(request)
    given = {
        "me": caller,
        "sign_in": request.app.state.services.accounts.required,
        "csrf": visit(request).csrf,
        "menu": navigation.menu(caller.scopes if caller else frozenset()),
    }
    return environment.get_template(template).render(given | values)


def visit(request: AnyRequest) -> Visit:
    return request.scope.get("auth") or Visit()


async def page(
    request: AnyRequest,
    template: str,
    *,
    status: int = 200,
    cookies: Sequence[Cookie] = (),
    **values: object,
) -> Response[str]:
    """The page as a response, rendered in a thread: a long call must not hold up others' sound.

    Templates have `me` (the caller; None: not signed in), `csrf` for their forms, and `menu`.
    """
    body = await asyncio.to_thread(render, request, template, **values)
    headers = {"Cache-Control": "no-store"}
    fresh = visit(request).cookie
    sent = [*cookies, fresh] if fresh else list(cookies)
    return Response(
        body, status_code=status, media_type=MediaType.HTML, headers=headers, cookies=sent
    )


def go(path: str, cookies: Sequence[Cookie] = ()) -> Redirect:
    """After a form: to a page that can be reloaded."""
    return Redirect(path, status_code=303, cookies=list(cookies))


def markdown(text: str) -> Markup:
    """Markdown as HTML; raw HTML in it is shown as text, and links go to safe schemes only."""
    return Markup(_MARKDOWN.render(text))


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
