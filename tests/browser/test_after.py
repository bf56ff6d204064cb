"""What comes after calls, by keyboard alone: a write-up, a webhook, a customer who is forgotten."""

import pytest
from playwright.async_api import Page, expect

from copilot.mind.webhooks import Webhooks
from copilot.store.log import utc_now
from tests.browser.conftest import Site
from tests.browser.test_console import past, tab_to

pytestmark = pytest.mark.browser

WHO = "CRM-4711"


async def customer(site: Site) -> str:
    """The page of a customer of whom something is known; their call is ``c0``."""
    assert site.services.background is not None
    memory = site.services.background.memory
    await memory.bind("default", "c0", WHO, live=False)
    await memory.remember("default", "c0", "Prefers to be written to.", "anna@example.com", 300)
    await memory.remember("default", "c0", "Has the X200 router.", "anna@example.com", 620)
    return f"/memory/{memory.customer('default', WHO)}"


async def enter(page: Page) -> None:
    """Press it, and wait for the page that it leads to."""
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


async def test_an_agent_confirms_what_the_call_was_about(site: Site, page: Page) -> None:
    await past(site, "c0")
    await page.goto(f"{site.url}/calls/c0")
    await tab_to(page, ".written a")
    await enter(page)
    await tab_to(page, "#summary")
    await page.keyboard.press("ControlOrMeta+a")
    await page.keyboard.type("Wants another address.")
    await tab_to(page, "#promised")
    await page.keyboard.type("Call back")
    await tab_to(page, ".written-form button")
    await enter(page)
    await expect(page.locator(".lede")).to_contain_text("has confirmed it")
    await expect(page.locator("#summary")).to_have_value("Wants another address.")
    await page.goto(f"{site.url}/calls/c0")
    await expect(page.locator(".written")).to_contain_text("Confirmed by Local admin")


async def test_an_admin_adds_a_webhook_and_sees_its_secret_once(site: Site, page: Page) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["203.0.114.9"]

    assert site.services.background is not None
    site.services.background.webhooks = Webhooks(site.store.mind, (), utc_now, resolve)
    await page.goto(f"{site.url}/webhooks")
    await tab_to(page, "input[name=url]")
    await page.keyboard.type("https://crm.example/calls")
    await tab_to(page, "form[action='/webhooks'] button")
    await enter(page)
    secret = await page.locator("#once").input_value()
    assert secret.startswith("whsec_")
    await tab_to(page, "[aria-label='Send a test to https://crm.example/calls']")
    await enter(page)
    await expect(page.get_by_role("status")).to_contain_text("A test message is on its way")
    await expect(page.locator(".deliveries li")).to_have_count(1)
    assert secret not in await page.content()
    await tab_to(page, "[aria-label='Remove https://crm.example/calls']")
    await page.keyboard.press("Enter")
    await tab_to(page, "form[action$='/remove'] button")
    await enter(page)
    await expect(page.locator("#hooks-title ~ p")).to_contain_text("Nobody is told yet")


async def test_an_admin_forgets_a_customer(site: Site, page: Page) -> None:
    await past(site, "c0")
    await customer(site)
    await page.goto(f"{site.url}/memory")
    await tab_to(page, "input[name=external_id]")
    await page.keyboard.type("crm-4711")
    await enter(page)
    facts = page.locator("[aria-labelledby=facts-title]")
    await expect(facts.get_by_role("listitem")).to_have_count(2)
    await tab_to(page, "[aria-labelledby=erase-title] summary")
    await page.keyboard.press("Enter")
    await tab_to(page, "input[name=external_id]")
    await page.keyboard.type(WHO)
    await enter(page)
    await expect(page.get_by_role("status")).to_contain_text("is forgotten")
    assert await site.store.call("c0") is None
