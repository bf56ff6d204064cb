"""Errors: a page for browsers, RFC 9457 problem JSON for everyone else."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from litestar import MediaType, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap

from copilot.errors import (
    LabelError,
    PolicyError,
    SettingError,
    SignInError,
    StoreError,
    TooOften,
    UnknownAccount,
    UnknownCall,
    UnknownFact,
    UserError,
)
from copilot.web.again import kept
from copilot.web.pages import AnyRequest as AnyRequest
from copilot.web.pages import go, render

_log = logging.getLogger(__name__)
PROBLEM = "application/problem+json"
"""The media type of an error."""

_ADVICE: Mapping[int, tuple[str, str]] = {
    400: ("That does not work", "The request holds something that the copilot cannot use."),
    401: ("Sign in first", "This page is for people who are signed in."),
    403: ("Not for you", "You may not do this here."),
    404: ("Not here", "There is nothing at this address. It may never have been, or is gone."),
    405: ("Not that way", "This address cannot be used like that."),
    409: (
        "Changed meanwhile",
        "Somebody else was faster. Reload the page before this one.",
    ),
    421: ("Wrong name", "The copilot does not answer to the name in the address bar."),
    422: ("That does not fit", "The copilot can read it, but cannot use it like that."),
    429: ("Too often", "That was tried very often. Wait a minute, then try again."),
    500: ("Something broke", "The copilot made a mistake. Calls that are on are not affected."),
    503: ("Not just now", "The copilot cannot take this at the moment. Try again shortly."),
}


def refused(request: AnyRequest, error: HTTPException) -> Response[Any]:
    """An error that the request itself brought about."""
    detail = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        detail = "; ".join(f"{e.get('key')}: {e.get('message')}" for e in error.extra) or detail
    return answer(request, error.status_code, detail, error.headers)


def mistaken(request: AnyRequest, error: UserError) -> Response[Any]:
    """A user's mistake, its text shown as it stands; a database's trouble is the log's."""
    match error:
        case UnknownCall() | UnknownAccount() | UnknownFact():
            status = 404
        case PolicyError() | SettingError() | LabelError():
            status = 422
        case SignInError():
            status = 401
        case TooOften():
            status = 429
        case StoreError():
            _log.error("%s %s: %s", request.method, request.url.path, error)
            return answer(request, 503, "The database cannot be used. The server's log says why.")
        case _:
            status = 400
    return answer(request, status, str(error))


def broken(request: AnyRequest, error: Exception) -> Response[Any]:
    """A bug: the log gets the traceback, the client does not."""
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(request, 500, "")


def answer(
    request: AnyRequest, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> Response[Any]:
    """The error in the form that the client asked for."""
    phrase = HTTPStatus(status).phrase
    if wants_page(request):
        if status == HTTPStatus.UNAUTHORIZED and request.method in ("GET", "HEAD"):
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return go(f"/sign-in?next={quote(here, safe='')}")
        if form := kept(request):
            body = render(request, "again.html", kept=form)
            headers = {**(headers or {}), "Cache-Control": "no-store"}
            return Response(body, status_code=status, media_type=MediaType.HTML, headers=headers)
        title, advice = _ADVICE.get(status, (phrase, ""))
        told = detail if detail != phrase else ""
        body = render(request, "error.html", status=status, title=title, advice=advice, detail=told)
        return Response(body, status_code=status, media_type=MediaType.HTML, headers=headers)
    problem = {"type": "about:blank", "title": phrase, "status": status, "detail": detail}
    if not detail:
        del problem["detail"]
    return Response(problem, status_code=status, media_type=PROBLEM, headers=headers)


def wants_page(request: AnyRequest) -> bool:
    """Whether the client would rather have HTML than JSON."""
    offered = [PROBLEM, "application/json", "text/html"]
    return request.accept.best_match(offered, PROBLEM) == "text/html"


HANDLERS: ExceptionHandlersMap = {
    HTTPException: refused,
    UserError: mistaken,
    Exception: broken,
}
"""What `create_app` registers for the whole application."""
