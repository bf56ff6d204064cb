"""What ends a call or takes its network away: the way lost, nobody there, silence, other pages."""

import asyncio
import time

import msgspec
import pytest
from playwright.async_api import Page

from copilot.bench.chromium import WAIT_S, Extension
from tests.extension.conftest import ASKED, Phone, Sidecar

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

ALONE = msgspec.structs.replace(ASKED, alone=True)
KEEP = """(() => {
  globalThis.phases = [];
  globalThis.reached = {};
  globalThis.tracks = Object.values(desk.sound.legs).map((leg) => leg.track);
  const { view } = desk.show;
  desk.show.view = (now) => {
    phases.push(now.phase);
    reached[now.phase] ??= Date.now();
    view(now);
  };
})()"""
CAPTURED = """async () => (await chrome.tabCapture.getCapturedTabs())
  .filter(({ status }) => status === "active").length"""


async def begun(extension: Extension, page: Page) -> str:
    """A live call whose phases and tracks are kept; its id."""
    await extension.click(page)
    await extension.phase("live")
    await extension.desk(KEEP)
    call: str = (await extension.view())["callId"]
    return call


async def over(extension: Extension, reason: str) -> None:
    """The call has ended for this reason, and neither voice is captured any more."""
    await extension.phase("ended")
    assert (await extension.view())["reason"] == reason
    states = await extension.desk("tracks.map((track) => track.readyState)")
    assert states == ["ended", "ended"]
    assert await extension.worker.evaluate(CAPTURED) == 0


async def had(extension: Extension, phase: str) -> None:
    async with asyncio.timeout(WAIT_S):
        while phase not in await extension.desk("phases"):
            await asyncio.sleep(0.03)


async def test_datagrams_that_stop_are_noticed_long_before_ice_fails(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    """The same call on another connection, without a word twice."""
    call = await begun(extension, await phone())
    await sidecar.post("/test/cut")
    cut = 1000 * time.time()
    await had(extension, "reconnecting")
    assert await extension.desk("reached.reconnecting") - cut < 6000, "ICE takes fifteen seconds"
    await extension.phase("live")
    assert (await extension.view())["callId"] == call
    tick = await extension.desk("desk.journal.tick")
    async with asyncio.timeout(WAIT_S):
        while await extension.desk("desk.journal.tick") < tick + 25:
            await asyncio.sleep(0.05)
    await extension.desk("desk.end('hang_up')", awaiting=True)
    ticks = [one["tick"] for one in await sidecar.log(call, "call_ended") if one["type"] == "heard"]
    assert ticks == sorted(set(ticks))


async def test_offline_is_said_and_the_call_goes_on_after(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    page = await phone()
    call = await begun(extension, page)
    tab = await extension.tab(page)
    await extension.offline(True)
    await sidecar.post("/test/cut")
    await extension.until(tab, "You are offline")
    await extension.until(tab, "You hear the customer as before")
    await extension.offline(False)
    await extension.phase("live")
    assert (await extension.view())["callId"] == call


@pytest.mark.setup(ALONE)
async def test_a_copilot_that_is_away_for_a_minute_has_lost_the_call(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    """The test puts the call's clock on."""
    page = await phone()
    await begun(extension, page)
    tab = await extension.tab(page)
    sidecar.kill()
    await had(extension, "reconnecting")
    later = "desk.link.clock = {{ ...desk.link.clock, now: () => Date.now() + {} }}"
    await extension.desk(later.format(50_000))
    await asyncio.sleep(2)
    assert (await extension.view())["phase"] == "reconnecting"
    await extension.desk(later.format(60_000))
    await over(extension, "unreachable")
    await extension.until(tab, "The copilot does not answer")


async def test_a_tab_that_falls_silent_is_asked_about_and_then_left(
    extension: Extension, phone: Phone
) -> None:
    """Its sound really stops; the test puts the clock on by what remains to be waited."""
    page = await phone()
    await begun(extension, page)
    tab = await extension.tab(page)
    async with asyncio.timeout(WAIT_S):
        while not await extension.desk("desk.watch.heard"):
            await asyncio.sleep(0.05)
    await page.evaluate("document.getElementById('remote').pause()")
    async with asyncio.timeout(WAIT_S):
        while await extension.desk("desk.sound.level('tab')") is not None:
            await asyncio.sleep(0.05)  # JSON has no minus infinity
    await extension.desk("void (desk.watch.quiet.tab -= 30_000)")
    await extension.until(tab, "Is the call over?")
    await extension.desk("void (desk.watch.quiet.tab -= 90_000)")
    await over(extension, "silence")
    await extension.until(tab, "The tab had been silent for two minutes.")


async def test_another_site_in_the_tab_ends_the_capture(
    extension: Extension, phone: Phone, pages: str
) -> None:
    page = await phone()
    await begun(extension, page)
    await page.goto(pages.replace("127.0.0.1", "localhost") + "/softphone.html")
    await over(extension, "left")


async def test_signing_out_ends_the_capture(extension: Extension, phone: Phone) -> None:
    await begun(extension, await phone())
    options = await extension.page("options/options.html")
    await options.get_by_role("button", name="Sign out").click()
    await over(extension, "signedOut")
