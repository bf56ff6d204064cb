"""Journeys of the console in a real browser: a policy through its what-if, help in a live call."""

import asyncio

import msgspec
import numpy as np
import pytest
import soundfile
from playwright.async_api import Browser, Page, expect

from copilot.console.settings import TeamSettings
from copilot.core.events import CallStarted
from copilot.core.vocabulary import TICKS_PER_SECOND, Party
from copilot.ports import Owner
from copilot.store.console.rows import Flag
from copilot.store.label import standing
from copilot.store.log import utc_now
from tests.browser.conftest import Launch, Serve, Site, watch
from tests.helpers import Call, knows
from tests.website import ADDRESS, LOCKER, QUESTION, Spoken

pytestmark = pytest.mark.browser

SPOKEN: Spoken = (
    (Party.AGENT, 5, "good morning how can i help"),
    (Party.CUSTOMER, 60, QUESTION),
)


async def past(site: Site, call_id: str) -> None:
    """A call in which the question was asked, and the card put aside."""
    call = Call(knows(ADDRESS))
    call.agent("good morning").quiet(30).customer(QUESTION).quiet(60).end()
    first = call.log[0].event
    assert isinstance(first, CallStarted)
    started = msgspec.structs.replace(first, call_id=call_id)
    log = [msgspec.structs.replace(call.log[0], event=started), *call.log[1:]]
    site.store.append(call_id, log, Owner("default", "local"))
    while site.store.lag:
        await asyncio.sleep(0.01)


async def tab_to(page: Page, selector: str) -> None:
    """Go there as somebody without a mouse does."""
    for _ in range(120):
        if await page.evaluate("(s) => document.activeElement?.matches(s) ?? false", selector):
            return
        await page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {selector}")


async def test_a_policy_goes_through_its_what_if_by_keyboard(site: Site, page: Page) -> None:
    for number in range(3):
        await past(site, f"c{number}")
    await page.goto(f"{site.url}/policy")
    await tab_to(page, "#do_not_trigger")
    await page.keyboard.type("change the delivery")
    await tab_to(page, ".save button")
    await page.keyboard.press("Enter")
    draft = page.locator("#draft")
    await expect(draft).to_contain_text("Never bring a card none → change the delivery")
    await expect(page.get_by_role("button", name="Publish")).to_have_count(0)

    await tab_to(page, "#whatif form button")
    await page.keyboard.press("Enter")
    await expect(draft).to_contain_text("What it would have done in your last 3 calls")
    row = draft.get_by_role("row", name="Cards 3 0", exact=True)
    await expect(row).to_be_visible()
    await expect(draft).to_contain_text("3 are lost")
    await tab_to(page, "#whatif summary")
    await page.keyboard.press("Enter")
    await expect(draft.locator(".changed li")).to_have_count(3)

    await tab_to(page, ".publish input[name=note]")
    await page.keyboard.type("Addresses are asked too often")
    await page.keyboard.press("Enter")
    await expect(page.locator(".lede").first).to_contain_text("Policy 1 is in force")
    await expect(page.locator(".history")).to_contain_text("Addresses are asked too often")
    await expect(page.locator("#draft")).to_have_count(0)
    assert (await site.services.console.rules.today("default")).policy.do_not_trigger == (
        "change the delivery",
    )


async def test_rows_of_the_playbook_grow(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/policy")
    for number, name in enumerate(("Greet", "Say that it is recorded")):
        await page.locator(f"[name='play_name:{number}']").fill(name)
        await page.locator(f"[name='play_phrases:{number}']").fill("hello")
    await page.locator("[name='play_rule:1']").select_option("must_say")
    await page.get_by_role("button", name="Save as draft").click()
    await expect(page.locator("#draft")).to_contain_text("Greet (check: hello)")
    await expect(page.locator("#draft")).to_contain_text("recorded (must say: hello)")


async def test_a_supervisor_helps_in_a_live_call(serve: Serve, launch: Launch) -> None:
    site = await serve(SPOKEN)
    await site.services.console.desk.change("default", "admin", TeamSettings(listening=True))
    async with launch() as browser:
        agent, page = await browser.new_page(), await browser.new_page()
        faults = watch(page)
        await agent.goto(f"{site.url}/try")
        await agent.get_by_label("Everyone on this call agrees").check()
        await agent.get_by_role("button", name="Start the call").click()

        await page.goto(f"{site.url}/wall")
        seat = page.locator(".seat")
        await expect(seat).to_contain_text("good morning", timeout=15_000)
        await seat.get_by_role("link").focus()
        await asyncio.sleep(1.5)  # the wall has been drawn again, and the focus has stayed
        await page.keyboard.press("Enter")

        await expect(page.locator("#state")).to_have_text("Live")
        await page.get_by_label("A line to the agent").fill("Offer <b>the</b> refund")
        await page.keyboard.press("Enter")
        await expect(page.locator("#told")).to_have_text("Sent. It is on the agent's screen.")
        await expect(page.locator("#whispers .card").first).to_contain_text("From Local admin")
        await expect(agent.locator(".card-big")).to_contain_text("Offer <b>the</b> refund")
        await expect(agent.locator(".card-big")).to_contain_text("From Local admin")

        await page.get_by_label("Mark this moment").fill("friendly")
        await page.keyboard.press("Enter")
        await expect(page.locator("#told")).to_have_text("Marked.")

        await page.get_by_role("button", name="Listen in").click()
        await expect(page.get_by_role("button", name="Stop listening")).to_be_visible()
        board = site.services.switchboard
        [row] = site.store.live()
        call = board.call(row.id)
        async with asyncio.timeout(5):
            while not call.tap.listeners:
                await asyncio.sleep(0.05)
        await page.get_by_role("button", name="Stop listening").click()
        async with asyncio.timeout(5):
            while call.tap.listeners:
                await asyncio.sleep(0.05)

        await agent.get_by_role("button", name="Hang up").click()
        await expect(page.locator("#state")).to_have_text("Ended", timeout=10_000)
        await page.get_by_role("link", name="See the whole call").click()
        await expect(page.locator(".flags")).to_contain_text("friendly")
        await page.get_by_role("navigation", name="Main").get_by_role("link", name="Calls").click()
        await page.get_by_label("Words").fill("delivery")
        await page.keyboard.press("Enter")
        await expect(page.locator(".hits, .empty")).to_be_visible()
        assert faults == []


async def test_a_judgement_is_kept_without_leaving_the_page(site: Site, page: Page) -> None:
    await past(site, "c1")
    await page.goto(f"{site.url}/calls/c1")
    wrong = page.get_by_role("button", name="Not needed")
    await wrong.click()
    await expect(wrong).to_have_attribute("aria-pressed", "true")
    await page.reload()
    await expect(page.get_by_role("button", name="Not needed")).to_have_attribute(
        "aria-pressed", "true"
    )


async def test_a_reviewer_finds_the_right_passage_by_keyboard(site: Site, page: Page) -> None:
    await past(site, "c1")
    await page.goto(f"{site.url}/calls/c1")
    await page.wait_for_load_state("load")
    await tab_to(page, "#judge-1-wrong")
    await page.keyboard.press("Enter")
    offered = page.locator("#judge-1 .judge-picks")
    await expect(offered).to_contain_text("Nothing in the packs answers")
    await expect(offered).not_to_contain_text(ADDRESS.title)
    await tab_to(page, "#find-1")
    await page.keyboard.type("locker")
    await page.keyboard.press("Enter")  # searches, and judges nothing
    await expect(page.locator("#choices-1")).to_contain_text("1 passage found for “locker”")
    await tab_to(page, "#judge-1 input[name=passage]")
    await page.keyboard.press("Space")
    await tab_to(page, "#judge-1 textarea")
    await page.keyboard.type("asked from abroad")
    await tab_to(page, "#judge-1-save")
    await page.keyboard.press("Enter")
    await expect(page.locator("#judge-1 summary")).to_contain_text("Right: ")
    await page.reload()
    await expect(page.locator("#judge-1-wrong")).to_have_attribute("aria-pressed", "true")
    [label] = standing(await site.store.labels.of("c1"))
    assert (label.verdict, label.passage, label.note) == ("wrong", LOCKER.id, "asked from abroad")


async def test_a_mark_is_taken_away_where_it_stands(site: Site, page: Page) -> None:
    await past(site, "c1")
    await site.store.console.add_flag(Flag(0, "c1", 5, "sam", utc_now(), "look here"))
    await page.goto(f"{site.url}/calls/c1", wait_until="load")
    await page.get_by_role("button", name="Remove the mark at 0:00").click()
    await expect(page.get_by_text("look here")).to_have_count(0)
    assert await site.store.console.flags("c1") == []


async def test_a_form_that_is_refused_keeps_what_was_typed(site: Site, browser: Browser) -> None:
    """Also where somebody else was faster; what was saved is said."""
    page = await browser.new_page()
    await page.goto(f"{site.url}/settings", wait_until="load")
    text = page.locator("#consent_text")
    await text.fill("We listen, says Mara.")
    await site.services.console.desk.change("default", "sam", TeamSettings(calls_days=7))
    await page.get_by_role("button", name="Save settings").click()
    refusal = page.locator(".refusal")
    await expect(refusal).to_contain_text("The settings have been changed")
    await expect(text).to_have_value("We listen, says Mara.")
    await refusal.get_by_role("button", name="Save mine instead").click()
    await expect(page.get_by_role("status")).to_contain_text("Settings saved.")
    kept = await site.services.console.desk.of("default")
    assert (kept.consent_text, kept.calls_days) == ("We listen, says Mara.", None)
    await page.close()


async def test_a_click_on_the_timeline_jumps_in_the_sound(site: Site, page: Page) -> None:
    await past(site, "c1")
    ticks = (await site.store.calls(1))[0].ticks
    path = site.services.console.desk.recording("c1")
    path.parent.mkdir()
    seconds = ticks / TICKS_PER_SECOND
    soundfile.write(
        path, np.zeros((int(16_000 * seconds), 2)), 16_000, format="OGG", subtype="OPUS"
    )
    statuses: list[int] = []
    page.on("response", lambda r: statuses.append(r.status) if r.url.endswith("/audio") else None)
    await page.goto(f"{site.url}/calls/c1")
    await page.wait_for_load_state("load")
    row = page.locator("svg.lanes").first
    box = await row.bounding_box()
    span = await row.get_attribute("data-span")
    assert box is not None
    assert span is not None
    await row.click(position={"x": box["width"] * 0.05, "y": 3})
    await playing_from(page, 0.05 * int(span) / TICKS_PER_SECOND)
    assert 206 in statuses
    await expect(page.locator(".playhead")).to_have_count(1)
    await tab_to(page, ".mark-card")
    await page.keyboard.press("Enter")
    card = await page.locator(".mark-card line").get_attribute("x1")
    assert card is not None
    await playing_from(page, float(card.rstrip("%")) / 100 * int(span) / TICKS_PER_SECOND)


async def playing_from(page: Page, second: float) -> None:
    """Wait until the sound is there, and a little later at most."""
    async with asyncio.timeout(10):
        while not second <= await page.evaluate(SOUND_AT) < second + 5:
            await asyncio.sleep(0.05)


SOUND_AT = "document.getElementById('sound').currentTime"


PAGES = ("/", "/wall", "/policy", "/analytics", "/settings", "/calls/c1")


async def test_no_page_is_wider_than_a_narrow_screen(site: Site, page: Page) -> None:
    await past(site, "c1")
    await page.set_viewport_size({"width": 360, "height": 700})
    for path in PAGES:
        await page.goto(f"{site.url}{path}")
        over = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert over <= 0, path


async def test_a_narrow_windows_menu_shows_where_one_is_and_leads_on(
    site: Site, page: Page
) -> None:
    menu, lines = page.locator(".pages summary"), page.get_by_role("navigation", name="Main")
    await page.goto(f"{site.url}/policy")
    await expect(menu).to_be_hidden()
    await expect(lines.get_by_role("link", name="Policy")).to_have_attribute("aria-current", "page")
    await page.set_viewport_size({"width": 360, "height": 700})
    await expect(menu).to_have_text("Pages: Policy")
    await expect(lines).to_have_count(0)
    await tab_to(page, ".pages summary")
    await page.keyboard.press("Enter")
    await expect(lines).to_have_count(1)
    await page.locator(".who summary").click()
    await expect(lines).to_have_count(0)  # one menu at a time
    await menu.click()
    await lines.get_by_role("link", name="Analytics").click()
    await expect(menu).to_have_text("Pages: Analytics")
    await page.goto(f"{site.url}/settings")
    await expect(menu).to_have_text("Pages: Menu")
