"""The softphone over real WebRTC, with an ear that hears a script: cards, touches, faults."""

import wave
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from copilot.core.events import CardTouched, Entry, WithdrawCard
from copilot.core.vocabulary import Party, Touch
from tests.browser.conftest import Launch, Serve, Site, watch
from tests.website import QUESTION, Spoken

pytestmark = pytest.mark.browser

ASKED: Spoken = ((Party.CUSTOMER, 10, QUESTION),)
"""One question, a second after the call began."""
LINE = "You can change the address in the app until the evening before delivery."


async def start(page: Page, site: Site) -> None:
    await page.goto(f"{site.url}/try")
    await page.get_by_label("Everyone on this call agrees").check()
    await page.get_by_role("button", name="Start the call").click()


async def whole_log(site: Site) -> list[Entry]:
    [row] = await site.store.calls(2)
    return [entry async for entry in site.store.follow(row.id)]


def touches(log: list[Entry]) -> list[Touch]:
    return [entry.event.how for entry in log if isinstance(entry.event, CardTouched)]


async def test_a_card_comes_and_is_used_by_key(serve: Serve, page: Page) -> None:
    site = await serve(ASKED)
    await start(page, site)
    await expect(page.locator("#state")).to_have_text("Connected", timeout=10_000)
    await expect(page.locator("#customer-heard")).to_have_text("Heard")
    card = page.locator(".card-big")
    await expect(card.locator(".card-line")).to_have_text(LINE, timeout=15_000)
    await expect(card).to_contain_text("can i change the delivery")
    await expect(page.locator("#captions .line-customer")).to_contain_text("can i change")

    async with page.context.expect_page() as opened:
        await page.keyboard.press("s")
    source = await opened.value
    await expect(source.locator("h1")).to_have_text("parcel/address#change my address")
    await page.keyboard.press("u")
    await expect(card).to_contain_text("Marked as used.")
    await page.get_by_role("button", name="Hang up").click()
    await expect(page.locator("#state")).to_have_text("Ended")
    log = await whole_log(site)
    assert touches(log) == [Touch.OPENED, Touch.USED]
    [row] = await site.store.calls(1)
    assert row.reason == "hang_up"
    await page.get_by_role("link", name="What happened").click()
    await expect(page.locator("#card-1")).to_contain_text("Used by the agent")


async def test_a_dismissed_card_leaves(serve: Serve, page: Page) -> None:
    site = await serve(ASKED)
    await start(page, site)
    await expect(page.locator(".card-big")).to_be_visible(timeout=20_000)
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await page.get_by_role("button", name="Dismiss").click()
    await expect(page.locator(".card-big")).to_have_count(0)
    await expect(page.locator("#quiet")).to_be_visible()
    await page.get_by_role("button", name="Hang up").click()
    log = await whole_log(site)
    assert [e.event.reason for e in log if isinstance(e.event, WithdrawCard)] == ["dismissed"]


async def test_keys_can_be_switched_off(serve: Serve, page: Page) -> None:
    site = await serve(ASKED)
    await start(page, site)
    await expect(page.locator(".card-big")).to_be_visible(timeout=20_000)
    await page.get_by_label("Keys while a card shows").uncheck()
    await page.keyboard.press("u")
    await page.get_by_role("button", name="Hang up").click()
    assert touches(await whole_log(site)) == []


async def test_no_consent_no_call(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/try")
    await page.get_by_role("button", name="Start the call").click()
    await expect(page.locator("#consent:invalid")).to_be_focused()
    assert await site.store.calls(1) == []


async def test_a_full_switchboard_says_when_to_try_again(launch: Launch, serve: Serve) -> None:
    site = await serve(capacity=1)
    async with launch() as browser:
        first, second = await browser.new_page(), await browser.new_page()
        await start(first, site)
        await expect(first.locator("#state")).to_have_text("Connected", timeout=10_000)
        await start(second, site)
        await expect(second.get_by_role("alert")).to_contain_text("All lines are in use.")
        await expect(second.get_by_role("alert")).to_contain_text("in 30 s")
        await expect(second.get_by_role("button", name="Start the call")).to_be_enabled()
        await first.close()


async def test_a_forbidden_microphone_is_explained(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/try")
    await page.get_by_label("My microphone").check()
    await page.get_by_label("Everyone on this call agrees").check()
    await page.get_by_role("button", name="Start the call").click()
    await expect(page.get_by_role("alert")).to_contain_text("microphone")


async def test_a_dead_microphone_is_noticed_within_three_seconds(
    launch: Launch, site: Site, tmp_path: Path
) -> None:
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 48_000))
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={silence}")
    async with launch(*flags) as browser:
        context = await browser.new_context(permissions=["microphone"])
        page = await context.new_page()
        faults = watch(page)
        await page.goto(f"{site.url}/try")
        await page.get_by_label("My microphone").check()
        await page.get_by_label("Everyone on this call agrees").check()
        await page.get_by_role("button", name="Start the call").click()
        await expect(page.locator("#state")).to_have_text("Connected", timeout=10_000)
        await expect(page.locator("#agent-heard")).to_contain_text("No sound at all", timeout=4500)
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.locator("#state")).to_have_text("Ended")
        assert faults == []


async def test_a_lost_connection_is_taken_up_again(serve: Serve, page: Page) -> None:
    site = await serve()
    await start(page, site)
    await expect(page.locator("#state")).to_have_text("Connected", timeout=10_000)
    [row] = await site.store.calls(1)
    await site.services.switchboard.call(row.id).peer.close()
    await expect(page.locator("#state")).to_have_text("Reconnecting")
    await expect(page.locator("#state")).to_have_text("Connected", timeout=10_000)
    assert [one.id for one in await site.store.calls(2)] == [row.id]
    await page.get_by_role("button", name="Hang up").click()
    await expect(page.locator("#state")).to_have_text("Ended")
