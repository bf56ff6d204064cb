"""More than one tab, a call's page that the browser ends, an extension that is updated."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Page, expect

from copilot.bench.chromium import Extension
from tests.extension.conftest import Launch, Phone, Sidecar

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LINE = "You can change the address in the app until the evening before delivery."
BADGE = """async () => [await chrome.action.getBadgeText({}), await chrome.action.getTitle({})]"""
OVERLAYS = "document.querySelectorAll('html > call-copilot').length"


async def begun(extension: Extension, page: Page) -> int:
    await extension.click(page)
    await extension.phase("live")
    return await extension.tab(page)


async def gone(page: Page) -> None:
    async with asyncio.timeout(15):
        while await page.evaluate(OVERLAYS):
            await asyncio.sleep(0.03)


async def test_the_icon_on_another_tab_leads_to_the_call_and_says_why(
    extension: Extension, phone: Phone
) -> None:
    first = await phone()
    tab = await begun(extension, first)
    call = (await extension.view())["callId"]
    second = await phone("webaudio")
    await extension.click(second)
    await extension.until(tab, "One call at a time")
    assert (await extension.view())["callId"] == call
    assert await second.evaluate(OVERLAYS) == 0
    await extension.overlay(tab, "click", "[data-note=warn_elsewhere] button:last-child")
    async with asyncio.timeout(15):
        while "One call at a time" in await extension.overlay(tab):
            await asyncio.sleep(0.03)
    assert (await extension.view())["phase"] == "live"


async def test_the_tab_of_the_call_before_learns_nothing_of_the_next(
    extension: Extension, phone: Phone
) -> None:
    first = await phone("silent")
    tab = await begun(extension, first)
    await extension.until(tab, LINE)
    await extension.overlay(tab, "click", ".end")
    await extension.phase("ended")
    await extension.until(tab, "Not listening any more")
    other = await begun(extension, await phone("webaudio"))
    await extension.until(other, LINE)
    await gone(first)


async def test_a_call_whose_page_the_browser_ends_says_so_and_goes_on_by_a_click(
    extension: Extension, phone: Phone
) -> None:
    page = await phone()
    tab = await begun(extension, page)
    panel = await extension.page("panel/panel.html")
    await expect(panel.locator("#state-name")).to_have_text("Listening")
    for again in ("overlay", "panel", "icon"):
        call = (await extension.view())["callId"]
        await extension.worker.evaluate("chrome.offscreen.closeDocument()")
        await extension.until(tab, "The copilot broke off")
        await expect(panel.locator("#notes")).to_contain_text("The copilot broke off")
        text, title = await extension.worker.evaluate(BADGE)
        assert text == "!"
        assert "broke off" in title
        if again == "overlay":
            await extension.overlay(tab, "click", "[data-note=trouble_broken] button")
        elif again == "panel":
            await panel.get_by_role("button", name="Try again").click()
        else:
            await extension.click(page)
        await extension.phase("live")
        await extension.until(tab, "Listening")
        assert (await extension.view())["callId"] == call
        assert await page.evaluate(OVERLAYS) == 1


async def test_what_must_be_read_is_not_left_in_a_dot(
    extension: Extension, phone: Phone, pages: str
) -> None:
    await extension.save("local", "prefs", {"consent": "ask"})
    small = {"right": 16, "bottom": 16, "small": True}
    await extension.save("local", "places", {pages: small})
    page = await phone()
    await extension.click(page)
    await extension.phase("consent")
    tab = await extension.tab(page)
    await width(extension, tab, wide=True)
    await extension.overlay(tab, "click", "[data-act=agree]")
    await extension.phase("live")
    await width(extension, tab, wide=False)
    await extension.desk("void desk.act('elsewhere')")
    await width(extension, tab, wide=True)
    await extension.desk("void desk.act('here')")
    await width(extension, tab, wide=False)
    assert (await extension.load("local", "places"))[pages] == small


async def box_width(extension: Extension, tab: int) -> float:
    box = await extension.overlay(tab, "box", ".box")
    return float(box[2]) if box else 0


async def width(extension: Extension, tab: int, wide: bool) -> None:
    async with asyncio.timeout(15):
        while (await box_width(extension, tab) > 100) is not wide:
            await asyncio.sleep(0.03)


async def test_an_updated_extension_says_that_it_has_stopped(
    launch: Launch, sidecar: Sidecar, pages: str
) -> None:
    """Its scripts in pages live on without it; the next call gets an overlay of its own."""
    async with launch() as extension:
        await sidecar.answers()
        saved: dict[str, Any] = {
            "account": {"server": sidecar.url, "refresh": "", "user": {}},
            "prefs": {"consent": "announced"},
        }
        for key, value in saved.items():
            await extension.save("local", key, value)
        page = await extension.context.new_page()
        await page.goto(f"{pages}/softphone.html")
        await begun(extension, page)
        tree = await extension.context.new_cdp_session(page)
        reload = "setTimeout(() => chrome.runtime.reload())"
        await extension.worker.evaluate(reload)
        async with asyncio.timeout(15):
            while "the copilot was updated" not in str(await nodes(tree)):
                await asyncio.sleep(0.1)


async def nodes(tree: Any) -> Any:
    """What a screen reader finds, closed shadow roots and all."""
    return await tree.send("Accessibility.getFullAXTree")


async def test_a_page_of_somebody_elses_gets_no_token(extension: Extension, phone: Phone) -> None:
    """Its process could send as the overlay does."""
    tab = await begun(extension, await phone())
    ask = """async ([tabId, message]) => (await chrome.scripting.executeScript({
      target: { tabId }, args: [message], func: (message) => chrome.runtime.sendMessage(message),
    }))[0].result"""
    for message in (
        {"to": "worker", "what": "access"},
        {"to": "worker", "what": "streamId", "tabId": tab},
        {"to": "worker", "what": "view"},
        {"to": "desk", "what": "view"},
        {"to": "desk", "what": "end", "reason": "tab"},
    ):
        assert await extension.worker.evaluate(ask, [tab, message]) is None, message
    assert (await extension.view())["phase"] == "live"
