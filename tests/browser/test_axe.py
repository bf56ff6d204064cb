"""No page of the console keeps people out, by the rules of axe-core: light, dark and narrow."""

import pytest
from playwright.async_api import Page

from tests.axe import accessible
from tests.browser.conftest import Site
from tests.browser.test_after import customer
from tests.browser.test_console import past

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/calls/c0",
    "/wall",
    "/?q=delivery&silence=weak",
    "/knowledge",
    "/knowledge/new",
    "/knowledge/gaps",
    "/try",
    "/try/words",
    "/policy",
    "/analytics",
    "/settings",
    "/webhooks",
    "/memory",
    "/calls/c0/after",
    "/people",
    "/teams",
    "/audit",
    "/account",
    "/pair",
)


async def test_axe_finds_nothing(site: Site, page: Page) -> None:
    await past(site, "c0")
    wrong: list[str] = []
    for path in (*PAGES, await customer(site)):
        answer = await page.goto(f"{site.url}{path}")
        assert answer is not None
        if not answer.ok:
            wrong.append(f"{path}: {answer.status}")
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            try:
                await accessible(page)
            except AssertionError as error:
                wrong.append(f"{path} {scheme}: {error}")
    assert wrong == [], "\n".join(wrong)


async def test_no_page_is_wider_than_a_narrow_window(site: Site, page: Page) -> None:
    await past(site, "c0")
    await page.set_viewport_size({"width": 360, "height": 720})
    wide = {}
    for path in (*PAGES, await customer(site)):
        await page.goto(f"{site.url}{path}")
        width = await page.evaluate("document.documentElement.scrollWidth")
        if width > 360:
            wide[path] = width
    assert wide == {}
