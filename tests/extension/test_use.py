"""What an agent does in a call: consent, keys, snooze, questions, panel, microphone."""

import asyncio

import pytest
from playwright.async_api import expect

from copilot.bench.chromium import Extension
from tests.axe import accessible
from tests.extension.conftest import Phone, Sidecar

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LINE = "You can change the address in the app until the evening before delivery."


async def test_nothing_is_captured_before_everyone_agrees(
    extension: Extension, phone: Phone
) -> None:
    await extension.save("local", "prefs", {"consent": "ask"})
    page = await phone()
    await extension.click(page)
    await extension.phase("consent")
    tab = await extension.tab(page)
    await extension.until(tab, "Does everyone on this call agree?")
    assert await extension.desk("desk.sound === undefined")
    captured = "async () => (await chrome.tabCapture.getCapturedTabs()).length"
    assert await extension.worker.evaluate(captured) == 0
    await extension.overlay(tab, "click", "[data-act=agree]")
    await extension.phase("live")
    assert await extension.worker.evaluate(captured) == 1


async def test_cards_are_put_off_dismissed_and_shown_small(
    extension: Extension, sidecar: Sidecar, phone: Phone, pages: str
) -> None:
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    tab = await extension.tab(page)
    await extension.until(tab, LINE)
    await extension.overlay(tab, "click", "[aria-label='Make small']")
    x, y, width, height = await extension.overlay(tab, "box", ".box")
    assert max(width, height) < 70
    await page.mouse.move(x + width / 2, y + height / 2)
    await page.mouse.down()
    await page.mouse.move(200, 200, steps=4)
    await page.mouse.up()
    for _ in range(50):
        place = (await extension.load("local", "places"))[pages]
        if place["right"] > 200:
            break
        await asyncio.sleep(0.05)
    assert place["right"] > 200
    assert place["small"] is True
    await extension.press("snooze")
    await extension.until(tab, "No cards for 5 min")
    await extension.until(tab, "Cards are put off")
    call = (await extension.view())["callId"]
    await extension.desk("desk.end('hang_up')", awaiting=True)
    log = await sidecar.log(call, "call_ended")
    assert {"type": "snoozed", "ticks": 3750} in log
    assert {"type": "withdraw_card", "inquiry": 1, "reason": "snoozed"} in log
    await extension.click(page)
    await extension.phase("live")
    await extension.until(tab, LINE)
    assert (await extension.overlay(tab, "box", ".box"))[2] < 70, "it stays small on this site"


async def test_the_panel_has_transcript_history_and_answers(
    extension: Extension, phone: Phone
) -> None:
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    panel = await extension.page("panel/panel.html")
    await expect(panel.locator("#lines .customer").first).to_contain_text(
        "can i change", timeout=15_000
    )
    await expect(panel.locator("#now .line")).to_have_text(LINE)
    await panel.locator("#now").get_by_role("button", name="Dismiss").click()
    await expect(panel.locator("#now .card")).to_have_count(0)
    await panel.get_by_role("tab", name="Transcript").press("ArrowRight")
    await expect(panel.locator("#history .was-card")).to_contain_text("dismissed by you")
    await panel.get_by_label("Ask the knowledge base").fill("may i change the address?")
    await panel.keyboard.press("Enter")
    await expect(panel.locator("#answers .line")).to_have_text(LINE)
    await accessible(panel)
    await panel.get_by_role("button", name="End").click()
    await extension.phase("ended")
    await expect(panel.locator("#state-name")).to_have_text("Not listening any more")
    await expect(panel.locator("#caption")).to_be_hidden()


async def test_a_card_that_was_up_left_with_the_call(extension: Extension, phone: Phone) -> None:
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    tab = await extension.tab(page)
    await extension.until(tab, LINE)
    panel = await extension.page("panel/panel.html")
    await panel.get_by_role("tab", name="History").click()
    await expect(panel.locator("#history .was-card")).to_contain_text("still up")
    await panel.get_by_role("button", name="End").click()
    await expect(panel.locator("#history .was-card")).to_contain_text("the call ended")
    await extension.until(tab, "You stopped it.")


async def test_a_long_line_leaves_its_buttons_and_the_page_in_sight(
    extension: Extension, phone: Phone
) -> None:
    """And a line from right to left begins at the right."""
    page = await phone()
    await page.set_viewport_size({"width": 640, "height": 360})
    await extension.click(page)
    await extension.phase("live")
    tab = await extension.tab(page)
    await extension.until(tab, LINE)
    show = """(() => {
      globalThis.draw ??= desk.show.view;
      desk.show.view = () => {};
      const card = { ...desk.view().card, revision: 9, query: "a long question ".repeat(60) };
      card.text = "Lebensmittelverpackung ".repeat(60);
      draw({ ...desk.view(), card });
    })()"""
    await extension.desk(show)
    await extension.until(tab, "Lebensmittelverpackung")
    _, top, _, height = await extension.overlay(tab, "box", "[data-act=use]")
    assert 0 < top < 360 - height, "the button is on the screen"
    assert (await extension.overlay(tab, "box", ".box"))[3] <= 344
    await extension.desk(
        show.replace("Lebensmittelverpackung ", "العنوان ")
        .replace("(60);", "(1);")
        .replace("revision: 9", "revision: 10")
    )
    await extension.until(tab, "العنوان")
    root = "chrome.dom.openOrClosedShadowRoot(document.querySelector('html > call-copilot'))"
    right = f"""async (tabId) => (await chrome.scripting.executeScript({{ target: {{ tabId }},
      func: () => {{
        const range = new Range();
        range.selectNodeContents({root}.querySelector(".line"));
        return range.getBoundingClientRect().right;
      }} }}))[0].result"""
    x, _, width, _ = await extension.overlay(tab, "box", ".line")
    assert await extension.worker.evaluate(right, tab) > x + width - 5


async def test_a_list_keeps_what_has_not_changed(fresh: Extension) -> None:
    """However many cards and words come, elements are made once: a call lasts an hour."""
    panel = await fresh.page("panel/panel.html")
    script = """async () => {
      const { drawHistory, drawLines } = await import("/panel/lists.js");
      const { newJournal, take } = await import("/call/journal.js");
      const [journal, list, said] = [newJournal(), document.createElement("ol"),
        document.createElement("ol")];
      let made = 0;
      const count = ({ addedNodes }) => { made += addedNodes.length; };
      const watch = new MutationObserver((all) => all.forEach(count));
      for (const one of [list, said]) watch.observe(one, { childList: true, subtree: true });
      const card = { type: "show_card", revision: 0, title: "t", cites: [], support: 1, query: "" };
      for (let at = 0; at < 40; at += 1) {
        take(journal, { ...card, inquiry: at, text: `card ${at}` }, 100 * at);
        for (const text of ["some", "words"]) {
          const words = [{ text, start: 100 * at, end: 100 * at + 2 }];
          take(journal, { type: "heard", customer: { words, partial: text } }, 100 * at);
          drawLines(said, journal);
        }
        drawHistory(list, journal);
      }
      for (const mutations of [watch.takeRecords()]) mutations.forEach(count);
      const texts = (ol) => [...ol.children].map((item) => item.querySelector(".line, span"));
      const ends = (ol) => [texts(ol).at(0), texts(ol).at(-1)].map((one) => one.textContent);
      return { made, cards: ends(list), words: ends(said), items: said.childElementCount };
    }"""
    found = await panel.evaluate(script)
    assert found["cards"] == ["card 39", "card 0"]
    assert found["words"] == ["Customersome words", "Customerwords"]
    assert found["items"] == 41, "forty lines and a guess"
    assert found["made"] < 200, "forty cards, forty lines, and the guess behind each"


async def test_without_the_microphone_its_page_asks_and_the_call_begins_after(
    extension: Extension, phone: Phone
) -> None:
    await extension.microphone("prompt")
    page = await phone()
    async with extension.context.expect_page() as opened:
        await extension.click(page)
    asking = await opened.value
    await expect(asking.locator("h1")).to_have_text("Allow the microphone")
    await extension.microphone("denied")
    await asking.get_by_role("button", name="Allow the microphone").click()
    await expect(asking.get_by_role("alert")).to_contain_text("It was refused")
    await extension.microphone("granted")
    async with asking.expect_event("close"):
        await asking.get_by_role("button", name="Allow the microphone").click()
    await extension.phase("live")


async def test_a_silent_tab_is_noticed_within_three_seconds(
    extension: Extension, phone: Phone
) -> None:
    page = await phone("silent")
    await extension.click(page)
    await extension.phase("live")
    await extension.desk("""(() => {
      const { view } = desk.show;
      desk.show.view = (now) => {
        if (now.warnings.length) globalThis.noticed ??= Date.now();
        view(now);
      };
    })()""")
    tab = await extension.tab(page)
    await extension.until(tab, "Nothing is heard from this tab")
    assert await extension.desk("noticed - desk.watch.since") < 6000, "three seconds, and a stall"


async def test_axe_finds_nothing_on_any_page(fresh: Extension) -> None:
    extension = fresh
    for path in (
        "options/options.html#welcome",
        "permission/permission.html",
        "privacy/privacy.html",
        "panel/panel.html",
    ):
        page = await extension.page(path)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await accessible(page)
        await page.set_viewport_size({"width": 320, "height": 640})
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, f"{path} is {wide} px wide"
        await page.close()


async def test_axe_finds_nothing_in_the_overlay(extension: Extension, phone: Phone) -> None:
    """Its shadow root is closed, so what it shows is laid open in a page of the extension."""
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    tab = await extension.tab(page)
    await extension.until(tab, LINE)
    root = "chrome.dom.openOrClosedShadowRoot(document.querySelector('call-copilot'))"
    script = f"""async (tabId) => (await chrome.scripting.executeScript({{
      target: {{ tabId }}, func: () => {root}.innerHTML }}))[0].result"""
    markup = await extension.worker.evaluate(script, tab)
    bare = await extension.page("privacy/privacy.html")
    await bare.add_script_tag(url=extension.url("overlay/style.js"))
    await bare.evaluate(
        """(markup) => {
      document.body.replaceChildren(document.createElement("main"));
      document.querySelector("main").innerHTML = "<h1>Call</h1>" + markup;
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(copilotStyle);
      document.adoptedStyleSheets = [sheet];
    }""",
        markup,
    )
    for scheme in ("light", "dark"):
        await bare.emulate_media(color_scheme=scheme)
        await accessible(bare)
