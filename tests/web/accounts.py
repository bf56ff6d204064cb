"""Clients of the web application where people must sign in."""

import re
from collections.abc import Callable

from httpx import AsyncClient, Response
from litestar import Litestar

from tests.tenants import PASSWORD, Tenants

HERE = "http://127.0.0.1:8123"
PAGE = {"Accept": "text/html"}
Browse = Callable[[Litestar, str], AsyncClient]


def token_in(page: str) -> str:
    """The CSRF token of a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    return found[1] if found else ""


async def submit(
    client: AsyncClient, path: str, form: str | None = None, **fields: str
) -> Response:
    """Open the page `form`, or `path` itself, and send its form as a browser does."""
    page = await client.get(form or path, headers=PAGE)
    sent = {"csrf": token_in(page.text), **fields}
    return await client.post(path, data=sent, headers={**PAGE, "Origin": str(client.base_url)})


async def sign_in(client: AsyncClient, tenants: Tenants, who: str) -> Response:
    return await submit(client, "/sign-in", email=tenants.emails[who], password=PASSWORD)


def session_of(client: AsyncClient) -> str:
    return next((one.value or "" for one in client.cookies.jar if one.name == "copilot"), "")
