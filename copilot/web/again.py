"""A form that comes too late, because its session is over: what was typed is not lost."""

from typing import NamedTuple

from copilot.web.pages import AnyRequest

MOST = 2 * 1024 * 1024
"""Bytes of a form that is kept: as many as the longest form of the pages has."""
_URLENCODED = "application/x-www-form-urlencoded"
_FIELD = "csrf"


class Kept(NamedTuple):
    """A form that was refused only for its session, to be sent once more."""

    action: str
    fields: list[tuple[str, str]]
    """In the order in which they came, without the token."""


async def keep(request: AnyRequest) -> None:
    """Put the form where `kept` finds it; not one with a password, with files, or that does not
    show that a page of this site sent it."""
    url, headers = request.url, request.headers
    length = headers.get("content-length", "")
    if (
        headers.get("origin") != f"{url.scheme}://{url.netloc}"
        or not headers.get("content-type", "").startswith(_URLENCODED)
        or not (length.isascii() and length.isdigit() and int(length) <= MOST)
    ):
        return
    given = (await request.form()).multi_items()
    fields = [(name, value) for name, value in given if isinstance(value, str) and name != _FIELD]
    if any("password" in name for name, _ in fields) or not any(value for _, value in fields):
        return
    action = url.path + (f"?{url.query}" if url.query else "")
    request.scope["kept"] = Kept(action, fields)  # type: ignore[typeddict-unknown-key]


def kept(request: AnyRequest) -> Kept | None:
    """The form of a request that was refused for its session."""
    found: Kept | None = request.scope.get("kept")  # type: ignore[assignment]
    return found
