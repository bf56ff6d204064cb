"""Pages that do not expect the overlay: hostile styles, strict policies, full screen, histories."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import FloatRect, Page

from copilot.bench.chromium import Extension
from tests.extension.conftest import Launch, Phone, Sidecar

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LINE = "You can change the address in the app until the evening before delivery."
ON_TOP = """([x, y]) => document.elementFromPoint(x, y)?.localName"""


async def middle(extension: Extension, tab: int, what: str) -> tuple[float, float]:
    x, y, width, height = await extension.overlay(tab, "box", what)
    return x + width / 2, y + height / 2


async def wait_for(found: Callable[[], Awaitable[bool]], why: str) -> None:
    try:
        async with asyncio.timeout(15):
            while not await found():
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(why) from None


async def on_top(extension: Extension, page: Page, tab: int) -> None:
    """The page has nothing above the overlay."""

    async def found() -> bool:
        if await extension.overlay(tab, "box", ".box") is None:
            return False
        place = list(await middle(extension, tab, ".box"))
        return bool(await page.evaluate(ON_TOP, place) == "call-copilot")

    await wait_for(found, "something is above the overlay")


async def begun(extension: Extension, page: Page) -> int:
    await extension.click(page)
    await extension.phase("live")
    tab = await extension.tab(page)
    await extension.until(tab, LINE)
    return tab


async def test_a_hostile_page_neither_hides_nor_bends_nor_removes_it(
    extension: Extension, pages: str
) -> None:
    """It styles everything, covers everything, throws out what is new, and its policy is strict."""
    page = await extension.context.new_page()
    await page.goto(f"{pages}/hostile.html")
    tab = await begun(extension, page)

    async def patient() -> bool:
        return bool(await page.evaluate("thrown") == 3)

    await wait_for(patient, "the page has not thrown it out")
    await on_top(extension, page, tab)
    _, _, width, height = await extension.overlay(tab, "box", ".box")
    assert width == pytest.approx(368, abs=1), "as wide as on any page"
    assert height < 350
    await page.mouse.click(*await middle(extension, tab, "[data-act=use]"))
    await extension.until(tab, "Marked as used")


async def test_it_is_drawn_above_full_screen_and_dialogs(
    extension: Extension, phone: Phone
) -> None:
    """Both take clicks from all else, as browsers have it; the shortcuts work on."""
    page = await phone()
    await page.emulate_media(reduced_motion="reduce")
    tab = await begun(extension, page)
    await on_top(extension, page, tab)
    dialog = """() => {
      const made = document.body.appendChild(document.createElement("dialog"));
      made.append("Hold the line");
      made.style.cssText = "inset: 0; margin: 0; width: 100vw; height: 100vh; max-width: none";
      made.showModal();
    }"""

    async def drawn() -> bytes:
        """A spot of the button beside its text."""
        x, y, _, height = await extension.overlay(tab, "box", "[data-act=use]")
        spot = FloatRect(x=round(x + 4), y=round(y + height / 2), width=3, height=3)
        return await page.screenshot(clip=spot)

    plain = await drawn()

    async def seen() -> bool:
        return await drawn() == plain

    await page.evaluate("document.querySelector('table').requestFullscreen()")
    await wait_for(seen, "full screen covers the overlay")
    await page.evaluate("document.exitFullscreen()")
    await page.evaluate(dialog)
    await wait_for(seen, "the dialog covers the overlay")
    await extension.press("use")
    await extension.until(tab, "Marked as used")


async def test_a_page_that_replaces_itself_keeps_it(extension: Extension, phone: Phone) -> None:
    """As one-page applications do: another address, another body, another document element."""
    page = await phone()
    tab = await begun(extension, page)
    call = (await extension.view())["callId"]
    await page.evaluate("history.pushState({}, '', '/another/page')")
    await page.evaluate("document.body.replaceWith(document.createElement('body'))")
    await on_top(extension, page, tab)
    await page.evaluate("document.documentElement.replaceWith(document.createElement('html'))")
    await on_top(extension, page, tab)
    assert (await extension.view())["callId"] == call


async def test_back_and_forward_between_pages_of_the_site(
    launch: Launch, sidecar: Sidecar, pages: str
) -> None:
    """The browser keeps the page before as it was, without its connection to the call."""
    options = {"ignore_default_args": ["--mute-audio", "--disable-back-forward-cache"]}
    async with launch(**options) as extension:
        await sidecar.answers()
        account = {"server": sidecar.url, "refresh": "", "user": {}}
        await extension.save("local", "account", account)
        await extension.save("local", "prefs", {"consent": "announced"})
        page = await extension.context.new_page()
        await page.goto(f"{pages}/softphone.html?way=silent")
        tab = await begun(extension, page)
        kept = "addEventListener('pageshow', (event) => { globalThis.kept = event.persisted; })"
        await page.evaluate(kept)
        await page.goto(f"{pages}/softphone.html?way=audio")
        await extension.until(tab, LINE)
        await page.go_back(wait_until="commit")
        assert await page.evaluate("kept"), "the browser has kept it"
        await extension.until(tab, LINE)
        await extension.overlay(tab, "click", "[data-act=use]")
        await extension.until(tab, "Marked as used")


async def test_the_side_panel_opens_by_a_click_on_the_page(
    extension: Extension, phone: Phone
) -> None:
    """A real one: the browser opens it for nothing less."""
    page = await phone()
    tab = await begun(extension, page)
    name = "[aria-label='Transcript, history and questions']"
    await page.mouse.click(*await middle(extension, tab, name))
    await wait_for(lambda: panel(extension, "SIDE_PANEL"), "the side panel is not there")


async def panel(extension: Extension, kind: str) -> bool:
    """Whether the panel is open as that: a SIDE_PANEL or a TAB."""
    found = """async (kind) => (await chrome.runtime.getContexts({ contextTypes: [kind] }))
      .some(({ documentUrl }) => documentUrl.endsWith("panel/panel.html"))"""
    return bool(await extension.worker.evaluate(found, kind))


async def test_where_no_card_can_be_drawn_there_is_the_panel(extension: Extension) -> None:
    """A page of the browser's own takes no script."""
    page = await extension.context.new_page()
    await page.goto("chrome://version")
    await extension.save("local", "prefs", {"consent": "ask"})
    await extension.click(page)
    await extension.phase("consent")

    async def shown() -> bool:
        return await panel(extension, "SIDE_PANEL") or await panel(extension, "TAB")

    await wait_for(shown, "nothing tells the agent that it waits for a word")
