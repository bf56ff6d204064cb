"""Forms and uploads of the knowledge pages: read within limits, faults told in their place."""

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import Response
from litestar.types import ExceptionHandlersMap

from copilot.accounts.caller import Caller
from copilot.retrieval.drafts import Clash, Unknown, Unusable
from copilot.retrieval.packs import PackFaults
from copilot.retrieval.packs.edits import Edit
from copilot.retrieval.packs.file import MIB
from copilot.web.jobs import Busy, UnknownJob
from copilot.web.knowledge.views import short
from copilot.web.pages import AnyRequest
from copilot.web.problems import answer

FORM_BYTES = 2 * MIB
"""Of a form with text; a text file that is mended in the browser is in one."""


async def fields(request: AnyRequest) -> dict[str, str]:
    """The form's texts by name."""
    form = await request.form()
    return {name: value for name, value in form.items() if isinstance(value, str)}


def edit_of(form: dict[str, str], caller: Caller) -> Edit:
    """The passage that a form says; what cannot be read is told by `Unusable` later."""
    try:
        priority = int(form.get("priority") or 0)
    except ValueError:
        priority = -1
    return Edit(
        title=form.get("title", ""),
        text=form.get("text", ""),
        say=form.get("say", ""),
        entity=form.get("entity", ""),
        valid_until=form.get("valid_until", ""),
        priority=priority,
        by=caller.known_as,
        at=now(),
    )


def now() -> str:
    """This second, UTC, as edits and histories write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _missing(request: AnyRequest, error: Exception) -> Response[Any]:
    return answer(request, 404, str(error))


def _clash(request: AnyRequest, error: Clash) -> Response[Any]:
    return answer(request, 409, str(error))


def _unusable(request: AnyRequest, error: Exception) -> Response[Any]:
    return answer(request, 422, str(error))


def _faulty(request: AnyRequest, error: PackFaults) -> Response[Any]:
    """Every fault, without the folders of this machine."""
    told = (msgspec.structs.replace(one, file=short(one)) for one in error.faults)
    return answer(request, 422, "\n".join(map(str, told)))


def _busy(request: AnyRequest, error: Busy) -> Response[Any]:
    return answer(request, 429, str(error), {"Retry-After": "10"})


HANDLERS: ExceptionHandlersMap = {
    Unknown: _missing,
    UnknownJob: _missing,
    Clash: _clash,
    Unusable: _unusable,
    PackFaults: _faulty,
    Busy: _busy,
}
