"""What the pages do in a browser: calls as they happen, and the same for every eye and hand."""

import asyncio

import pytest
from playwright.async_api import Browser, Page, Route, expect

from copilot.core.events import Entry, Heard, ShowCard, WithdrawCard
from copilot.core.vocabulary import Hearing, Word
from tests.browser.conftest import Site, watch
from tests.helpers import Call
from tests.website import QUESTION, answered

pytestmark = pytest.mark.browser

CONTRAST = """() => {
  const lum = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const rgba = (text) => {
    const all = text.match(/[\\d.]+/g).map(Number);
    return all.length === 4 ? all : [...all, 1];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 1) return color;
    }
    return [255, 255, 255, 1];
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.checkVisibility()) continue;
    if (element.closest("svg, script, :disabled, .visually-hidden, .skip")) continue;
    const [fore, back] = [rgba(getComputedStyle(element).color), behind(element)].map(lum);
    const ratio = (Math.max(fore, back) + 0.05) / (Math.min(fore, back) + 0.05);
    if (ratio < 4.5) poor.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return poor;
}"""


def first(log: list[Entry], kind: type) -> int:
    return next(i for i, entry in enumerate(log) if isinstance(entry.event, kind))


async def test_a_live_call_is_shown_as_it_happens(site: Site, page: Page) -> None:
    log = answered().end().log
    shown, gone = first(log, ShowCard), first(log, WithdrawCard)
    site.store.append("c1", log[:20])
    await page.goto(f"{site.url}/calls/c1")
    await expect(page.locator("#state")).to_have_text("Live")
    await expect(page.locator(".line-agent .line-text").first).to_contain_text("good morning")

    site.store.append("c1", log[20:shown])
    await expect(page.locator(".line-customer .line-text")).to_contain_text("can i change")
    await expect(page.locator(".card")).to_have_count(0)
    await expect(page.locator("#nothing-yet")).to_be_visible()

    site.store.append("c1", log[shown:gone])
    card = page.locator("#card-1")
    await expect(card.locator(".card-line")).to_have_text(
        "You can change the address in the app until the evening before delivery."
    )
    await expect(card.get_by_role("link")).to_have_attribute(
        "href", "/passages/parcel%2Faddress%23change%20my%20address"
    )
    await expect(page.locator(".mark-card")).to_have_count(1)
    await expect(page.locator("#nothing-yet")).to_be_hidden()

    site.store.append("c1", log[gone:])
    await expect(card).to_have_class("card gone")
    await expect(card).to_contain_text("The agent said it")
    await expect(page.locator("#state")).to_have_text("Ended")
    await page.get_by_role("link", name="See the whole call").click()
    await expect(page.locator("#transcript-title")).to_be_visible()
    await expect(page.locator(".line-customer .line-text")).to_have_text(QUESTION)


async def test_guesses_are_grey_and_replaced_by_words(site: Site, page: Page) -> None:
    call = Call().quiet(3)
    site.store.append("c1", call.log)
    await page.goto(f"{site.url}/calls/c1")

    def hear(hearing: Hearing) -> None:
        known = len(call.log)
        call.give(Heard(call.tick + 1, customer=hearing))
        site.store.append("c1", call.log[known:])

    hear(Hearing(speech=90, partial="where is"))
    await expect(page.locator(".line-customer .partial")).to_have_text("where is")
    hear(Hearing(speech=90, partial="<img src=x onerror=alert(1)>"))
    await expect(page.locator(".line-customer .partial")).to_have_text(
        "<img src=x onerror=alert(1)>"
    )
    hear(Hearing(speech=90, words=(Word("where", 4, 6), Word("<b>is</b>", 6, 8))))
    await expect(page.locator(".line-customer .line-text")).to_have_text("where <b>is</b>")
    await expect(page.locator(".partial")).to_have_count(0)


async def test_silence_and_missing_sound_are_told_apart(site: Site, page: Page) -> None:
    call = Call().agent("hello there").quiet(120)
    site.store.append("c1", call.log)
    await page.goto(f"{site.url}/calls/c1")
    await expect(page.locator("#state")).to_have_text("On hold")
    await expect(page.locator("#state")).to_have_text("No sound", timeout=6000)
    await expect(page.locator("#note")).to_contain_text("Nothing has reached the copilot")


async def test_a_silence_is_shown_with_its_reason(site: Site, page: Page) -> None:
    call = Call().customer("please explain quantum chromodynamics lattices").quiet(60)
    site.store.append("c1", call.log)
    await page.goto(f"{site.url}/calls/c1")
    await expect(page.locator(".silence")).to_contain_text("Nothing found")
    await expect(page.locator(".mark-silence")).to_have_count(1)


async def test_the_list_follows_what_happens(site: Site, page: Page) -> None:
    await page.goto(site.url)
    await expect(page.get_by_text("No calls yet")).to_be_visible()
    log = answered().end().log
    site.store.append("c1", log[:50])
    await expect(page.locator(".badge-live")).to_have_count(1)
    site.store.append("c1", log[50:])
    await expect(page.locator(".badge-ended")).to_have_count(1)


async def test_what_happened_before_the_list_could_follow_is_seen(site: Site, page: Page) -> None:
    late = asyncio.Event()

    async def hold(route: Route) -> None:
        await late.wait()
        await route.continue_()

    log = answered().end().log
    site.store.append("c1", log[:50])
    await page.route("**/changes", hold)
    await page.goto(site.url)
    await expect(page.locator(".badge-live")).to_have_count(1)
    site.store.append("c1", log[50:])
    while (row := await site.store.call("c1")) is None or row.ended_at is None:
        await asyncio.sleep(0.01)
    late.set()
    await expect(page.locator(".badge-ended")).to_have_count(1)


async def test_marks_explain_themselves_to_mouse_and_keyboard(site: Site, page: Page) -> None:
    site.store.append("c1", answered().end().log)
    await page.goto(f"{site.url}/calls/c1")
    mark = page.locator(".mark-card")
    await mark.locator(".mark-hit").hover()
    await expect(page.locator(".tip")).to_contain_text("Card at")
    await page.mouse.move(0, 0)
    await expect(page.locator(".tip")).to_be_hidden()
    await page.locator(".timeline a").first.focus()
    await expect(page.locator(".tip")).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.locator("#card-1:target")).to_be_visible()


async def test_the_keyboard_skips_to_the_content(site: Site, page: Page) -> None:
    await page.goto(site.url)
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await expect(page.locator(".skip")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_readable_and_fits_a_narrow_window(
    browser: Browser, site: Site, scheme: str
) -> None:
    unanswered = Call().customer("please explain quantum chromodynamics lattices").quiet(60)
    site.store.append("done", answered().end().log)
    site.store.append("silent", unanswered.end("cut").log)
    site.store.append("on", answered().log)
    page = await browser.new_page(
        color_scheme="dark" if scheme == "dark" else "light",
        viewport={"width": 360, "height": 740},
    )
    faults = watch(page)
    for path in (
        "/",
        "/try",
        "/calls/done",
        "/calls/silent",
        "/calls/on",
        "/passages/parcel/nasty%23xss",
    ):
        await page.goto(site.url + path)
        await expect(page.locator("main")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert await page.evaluate(CONTRAST) == [], path
    paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(19, 20, 24)" if scheme == "dark" else "rgb(247, 246, 243)")
    assert faults == []
