"""A whole call: the icon clicked on a softphone's tab, a card on the page, used by its shortcut."""

import asyncio
import time

import msgspec
import pytest
from playwright.async_api import Page

from copilot.bench.chromium import WAIT_S, Extension
from tests.extension.conftest import ASKED, Phone, Sidecar

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LINE = "You can change the address in the app until the evening before delivery."
SAID = "desk.journal.lines.some((line) => line.text.includes('the delivery address'))"
TOUCHES = "desk.journal.cards.map((card) => card.touches)"
LEVELS = "({ tab: desk.sound.level('tab'), microphone: desk.sound.level('microphone') })"

PHASES = """(() => {
  globalThis.phases = {};
  const { view } = desk.show;
  desk.show.view = (now) => { phases[now.phase] ??= Date.now(); view(now); };
})()"""
"""When a call comes to each phase, on the browser's own clock: a machine may stall a test."""
CLOSED = """() => {
  globalThis.closed = new Promise((tell) => {
    chrome.tabs.onRemoved.addListener(() => tell(Date.now()));
  });
}"""
"""When the browser takes a tab for closed."""


async def test_a_card_comes_and_is_used_by_shortcut(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    """Whichever way the page plays the customer: an element, WebAudio, a call of its own."""
    for way in ("audio", "webaudio", "webrtc"):
        page = await phone(way)
        await extension.click(page)
        await extension.phase("live")
        tab = await extension.tab(page)
        await extension.until(tab, LINE)
        assert "change the" in await extension.overlay(tab)
        assert await page.evaluate("document.querySelector('call-copilot').shadowRoot") is None
        assert min((await extension.desk(LEVELS)).values()) > -70
        await extension.press("use")
        await extension.until(tab, "Marked as used")
        call = (await extension.view())["callId"]
        await extension.overlay(tab, "click", ".end")
        await extension.phase("ended")
        log = await sidecar.log(call, "call_ended")
        assert [one["how"] for one in log if one["type"] == "card_touched"] == ["used"]
        assert {"type": "call_ended", "reason": "hang_up"} in log
        assert "Used by the agent" in (await sidecar.get(f"/calls/{call}")).text
        await page.close()


@pytest.mark.setup(msgspec.structs.replace(ASKED, alone=True))
async def test_a_killed_sidecar_is_found_again_and_the_call_goes_on(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    """The same call, its card and its words restored from the log, and no card twice."""
    page = await phone()
    await extension.click(page)
    tab = await _with_card(extension, page)
    before = await extension.view()
    await sidecar.log(before["callId"], "show_card")
    await extension.desk(PHASES)
    sidecar.kill()
    await extension.phase("reconnecting")
    await extension.until(tab, "The copilot does not answer")
    assert LINE in await extension.overlay(tab), "the card stays"
    await extension.press("use")
    await extension.until(tab, "Marked as used")
    sidecar.start()
    await sidecar.answers()
    back = 1000 * time.time()
    await extension.phase("live")
    assert await extension.desk("phases.live") - back <= 5000
    after = await extension.view()
    assert (after["callId"], after["trouble"]) == (before["callId"], None)
    await _until(extension, SAID, True)
    await _until(extension, TOUCHES, [["used"]])
    log = await sidecar.log(after["callId"], "card_touched")
    kinds = [one["type"] for one in log]
    assert (kinds.count("show_card"), kinds.count("card_touched")) == (1, 1)
    ticks = [one["tick"] for one in log if one["type"] == "heard"]
    assert ticks == sorted(set(ticks))
    await extension.desk("desk.end('hang_up')", awaiting=True)


async def test_the_worker_may_stop_and_the_call_goes_on(extension: Extension, phone: Phone) -> None:
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    await extension.stop_worker()
    tick = await extension.desk("desk.journal.tick")
    await _until(extension, f"desk.journal.tick > {tick + 10}", True)
    assert await extension.desk("ext.send({ to: 'worker', what: 'access' })", awaiting=True)
    tab = await _with_card(extension, page)
    await extension.press("dismiss")
    await extension.until(tab, "Nothing to tell you right now")
    assert (await extension.view())["phase"] == "live"


async def new_worker(extension: Extension) -> None:
    """Another in the place of the one that ran; a stopped one cannot be asked by tests."""
    await extension.stop_worker()
    assert await extension.desk("ext.send({ to: 'worker', what: 'access' })", awaiting=True)


async def test_the_worker_may_stop_in_any_phase(extension: Extension, phone: Phone) -> None:
    """The next one knows the call from what the one before has stored."""
    await extension.save("local", "prefs", {"consent": "ask"})
    page = await phone()
    await extension.click(page)
    await extension.phase("consent")
    tab = await extension.tab(page)
    await new_worker(extension)
    await extension.until(tab, "Does everyone on this call agree?")
    await extension.overlay(tab, "click", "[data-act=agree]")
    await extension.phase("live")
    await new_worker(extension)
    await page.reload()
    await extension.until(tab, LINE)
    await new_worker(extension)
    await extension.click(page)
    await extension.until(tab, LINE)
    await new_worker(extension)
    await page.close()
    await extension.phase("ended")
    assert (await extension.view())["reason"] == "tab"
    await new_worker(extension)
    other = await phone()
    await extension.click(other)
    await extension.phase("consent")
    tab = await extension.tab(other)
    await extension.until(tab, "Does everyone on this call agree?")
    await extension.overlay(tab, "click", "[data-act=agree]")
    await extension.phase("live")
    await new_worker(extension)
    await extension.overlay(tab, "click", ".end")
    await extension.phase("ended")
    async with asyncio.timeout(WAIT_S):
        while await extension.load("local", "unended") is not None:
            await asyncio.sleep(0.03)
    assert (await extension.load("session", "call"))["phase"] == "ended"


async def test_a_closed_tab_ends_the_capture_within_a_second(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    call = (await extension.view())["callId"]
    await extension.desk("globalThis.tracks = Object.values(desk.sound.legs).map((l) => l.track)")
    await extension.desk(PHASES)
    await extension.worker.evaluate(CLOSED)
    await page.close()
    await extension.phase("ended")
    closed = await extension.worker.evaluate("() => closed")
    assert await extension.desk("phases.ended") - closed <= 1000
    ended = await extension.desk("globalThis.tracks.map((track) => track.readyState)")
    assert ended == ["ended", "ended"]
    log = await sidecar.log(call, "call_ended")
    assert {"type": "call_ended", "reason": "hang_up"} in log


async def test_a_reload_keeps_the_call_and_another_site_ends_it(
    extension: Extension, phone: Phone, pages: str
) -> None:
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    call = (await extension.view())["callId"]
    tab = await extension.tab(page)
    await page.reload()
    await extension.until(tab, "Listening")
    assert (await extension.view())["callId"] == call
    await page.goto(pages.replace("127.0.0.1", "localhost") + "/softphone.html")
    await extension.phase("ended")
    assert (await extension.view())["reason"] == "left"


async def test_who_is_who_and_swapped_by_one_click(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    """The microphone hums at 300 Hz, the tab at 500: that is what reaches the server."""
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    await _heard(sidecar, {"agent": 300, "customer": 500})
    await extension.desk("desk.act('swap')")
    await _heard(sidecar, {"agent": 500, "customer": 300})


async def _heard(sidecar: Sidecar, wanted: dict[str, int]) -> None:
    heard = {}
    for _ in range(100):
        heard = (await sidecar.post("/test/state"))["heard"]
        if heard.keys() == wanted.keys() and all(
            abs(heard[party] - hertz) < 30 for party, hertz in wanted.items()
        ):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"heard {heard}, not {wanted}")


async def _with_card(extension: Extension, page: Page) -> int:
    await extension.phase("live")
    tab = await extension.tab(page)
    await extension.until(tab, LINE)
    return tab


async def _until(extension: Extension, expression: str, wanted: object) -> None:
    """Wait until something is so in the call's page."""
    found = None
    for _ in range(100):
        if (found := await extension.desk(expression)) == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{expression} is {found}, not {wanted}")
