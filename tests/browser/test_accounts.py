"""Journeys of accounts in a real browser by keyboard alone, and a revocation in mid-session."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, Page, expect

from copilot.accounts.roles import Role
from copilot.store.team import TeamCalls
from tests.browser.conftest import Serve, Site, watch
from tests.tenants import HERE, PASSWORD, Tenants
from tests.website import answered

pytestmark = pytest.mark.browser


@pytest.fixture
async def site(serve: Serve) -> Site:
    return await serve(sign_in=True)


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A browser of its own; a page that is refused is told in the console, too."""
    async with AsyncExitStack() as stack:
        context = await stack.enter_async_context(await browser.new_context())
        yield await context.new_page()


async def reach(page: Page, name: str) -> None:
    """Press Tab until the focus is on what is called so."""
    for _ in range(60):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(
            "() => { const e = document.activeElement; return e.getAttribute('aria-label')"
            " || (e.labels && e.labels[0] ? e.labels[0].textContent : e.textContent) || ''; }"
        )
        if " ".join(str(focused).split()).startswith(name):
            return
    raise AssertionError(f"the keyboard does not reach {name!r}")


async def write(page: Page, label: str, text: str) -> None:
    await reach(page, label)
    await page.keyboard.type(text)


async def test_the_first_admin_invites_by_keyboard_and_somebody_joins(
    site: Site, page: Page, browser: Browser
) -> None:
    link = await site.services.accounts.joining.first_link()
    await page.goto(f"{site.url}/join/{link}")
    await write(page, "E-mail", "ruth@example.com")
    await write(page, "Your name", "Ruth")
    await write(page, "Password", PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()

    await reach(page, "Ruth default")
    await page.keyboard.press("Enter")
    await reach(page, "People")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="People of default")).to_be_visible()
    await write(page, "E-mail", "ann@example.com")
    await reach(page, "Supervisor")
    await page.keyboard.press("Space")
    await reach(page, "Make an invitation link")
    await page.keyboard.press("Enter")
    invited = await page.get_by_label("Send this link to ann@example.com").input_value()

    async with await browser.new_context() as context:
        ann = await context.new_page()
        faults = watch(ann)
        await ann.goto(invited)
        await write(ann, "Your name", "Ann")
        await write(ann, "Password", PASSWORD)
        await ann.keyboard.press("Enter")
        await expect(ann.get_by_text("Ann", exact=True)).to_be_visible()
        await ann.get_by_text("Ann", exact=True).click()
        await expect(ann.get_by_role("link", name="People")).to_have_count(0)
        assert faults == []


async def test_an_admin_revokes_somebody_who_watches_a_call(
    site: Site, page: Page, browser: Browser
) -> None:
    tenants = await _people(site)
    agent = await tenants.who("agent")
    TeamCalls(site.store, agent.owner, False).append("c1", answered().log)
    async with await browser.new_context() as context:
        watcher = await context.new_page()
        await _sign_in(watcher, site, "supervisor")
        await watcher.goto(f"{site.url}/calls/c1")
        await expect(watcher.get_by_text("can i change").first).to_be_visible()

        await _sign_in(page, site, "root")
        await page.goto(f"{site.url}/people")
        await page.get_by_label("Change supervisor").click()
        await (
            page.get_by_role("button", name="Remove from the team").locator("visible=true").click()
        )
        await expect(page.get_by_role("status")).to_contain_text("out of the team")
        # The watcher touches nothing: the page leaves by itself.
        await expect(watcher.get_by_role("heading", name="Sign in")).to_be_visible(timeout=10_000)
        await watcher.goto(f"{site.url}/calls/c1")
        await expect(watcher.get_by_role("heading", name="Sign in")).to_be_visible()


async def test_what_is_typed_outlives_the_session(site: Site, page: Page) -> None:
    """In the page where its script runs, and on a page of its own where none does."""
    await _people(site)
    await _sign_in(page, site, "root")
    await page.goto(f"{site.url}/settings", wait_until="load")
    await page.locator("#consent_text").fill("We listen, says Ruth.")
    other = await page.context.new_page()
    await _sign_out(other, site)
    await page.get_by_role("button", name="Save settings").click()
    await expect(page.locator(".refusal")).to_contain_text("Your session is over.")
    await _sign_in(other, site, "root")
    stale = await page.locator("meta[name=csrf-token]").get_attribute("content")
    await page.evaluate("dispatchEvent(new Event('focus'))")
    await page.wait_for_function(
        "before => document.querySelector('meta[name=csrf-token]').content !== before", arg=stale
    )
    await expect(page.locator("#consent_text")).to_have_value("We listen, says Ruth.")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Save settings").click()
    await expect(page.get_by_role("status").first).to_contain_text("Settings saved.")

    await page.goto(f"{site.url}/teams", wait_until="load")
    await page.locator("input[name=name]").fill("Sales")
    await _sign_out(other, site)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Your session is over")).to_be_visible()
    await _sign_in(other, site, "root")
    await page.get_by_role("button", name="I am signed in: go on").click()
    await page.get_by_role("button", name="Send it again").click()
    await expect(page.get_by_text("Sales", exact=True).first).to_be_visible()


async def test_a_wall_whose_session_is_over_leads_to_the_sign_in(site: Site, page: Page) -> None:
    await _people(site)
    await _sign_in(page, site, "root")
    await page.goto(f"{site.url}/wall", wait_until="load")
    await _sign_out(await page.context.new_page(), site)
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=10_000)


async def test_a_softphone_that_is_signed_in_places_a_call(site: Site, page: Page) -> None:
    await _people(site)
    await _sign_in(page, site, "agent")
    await page.goto(f"{site.url}/try")
    sent = await page.evaluate(
        "async () => { const { csrf } = await import('/static/js/session.js');"
        " const answer = await fetch('/calls', { method: 'POST', body: 'x',"
        " headers: { 'Content-Type': 'application/sdp', ...csrf() } }); return answer.status; }"
    )
    assert sent == 400  # not SDP, but let in


async def _people(site: Site) -> Tenants:
    accounts = site.services.accounts
    link = await accounts.joining.first_link()
    assert link is not None
    made = Tenants(accounts, {"root": "root@example.com"}, {"default": "default"})
    await accounts.joining.accept(link, made.emails["root"], "Root", PASSWORD, HERE)
    root = await made.who("root")
    for role in (Role.AGENT, Role.SUPERVISOR):
        await made.add(root, role, [role])
    return made


async def _sign_out(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/account", wait_until="load")
    await page.locator(".who summary").click()
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


async def _sign_in(page: Page, site: Site, who: str) -> None:
    await page.goto(f"{site.url}/sign-in")
    await page.get_by_label("E-mail").fill(f"{who}@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(
        page.get_by_role("heading", name="Calls")
        .or_(page.get_by_role("heading", name="No calls yet"))
        .first
    ).to_be_visible()
