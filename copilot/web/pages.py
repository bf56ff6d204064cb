"""Renders templates: one environment, the same few globals and filters on every page."""

import asyncio
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Request, Response
from markdown_it import MarkdownIt
from markupsafe import Markup

from copilot.web import phrases

AnyRequest = Request[Any, Any, Any]

HERE = Path(__file__).parent
STATIC = HERE / "static"


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
    found.filters["clock"] = phrases.clock
    found.filters["duration"] = phrases.duration
    found.filters["markdown"] = markdown
    return found


def render(request: AnyRequest, template: str, **values: object) -> str:
    """The page as text; raises jinja2.TemplateError where a template is at fault."""
    environment: Environment = request.app.state.templates
    return environment.get_template(template).render(**values)


async def page(request: AnyRequest, template: str, **values: object) -> Response[str]:
    """The page as a response, rendered in a thread: a long call must not hold up others' sound."""
    body = await asyncio.to_thread(render, request, template, **values)
    headers = {"Cache-Control": "no-store"}
    return Response(body, media_type=MediaType.HTML, headers=headers)


def markdown(text: str) -> Markup:
    """Markdown as HTML; raw HTML in it is shown as text, and links go to safe schemes only."""
    return Markup(_MARKDOWN.render(text))


_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
