"""A call that ends while it begins, or begins in the place of one that was not ended."""

import asyncio

import pytest

from copilot.bench.chromium import Extension
from tests.extension.conftest import Phone

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SLOW = """(() => {
  const { mediaDevices } = navigator;
  const real = mediaDevices.getUserMedia.bind(mediaDevices);
  globalThis.tracks = [];
  globalThis.held = [];
  mediaDevices.getUserMedia = async (wanted) => {
    const stream = await real(wanted);
    tracks.push(...stream.getTracks());
    await new Promise((go) => held.push(go));
    return stream;
  };
})()"""
CAPTURED = """async () => (await chrome.tabCapture.getCapturedTabs())
  .filter(({ status }) => status === "active").length"""


async def until(extension: Extension, expression: str) -> None:
    """Wait until something is so in the call's page."""
    async with asyncio.timeout(15):
        while not await extension.desk(expression):
            await asyncio.sleep(0.03)


async def test_what_is_opened_after_the_end_is_let_go_of(
    extension: Extension, phone: Phone
) -> None:
    """The agent stops while the browser still opens the tab's sound, and begins again."""
    page = await phone()
    await extension.worker.evaluate("() => ext.openDesk('offscreen.html')")
    await until(extension, "globalThis.desk !== undefined")
    await extension.desk(SLOW)
    await extension.click(page)
    await until(extension, "held.length === 1")
    await extension.desk("desk.end('hang_up')", awaiting=True)
    await extension.desk("held.shift()()")
    await until(extension, "tracks.every((track) => track.readyState === 'ended')")
    assert await extension.worker.evaluate(CAPTURED) == 0
    assert (await extension.view())["trouble"] is None
    await extension.click(page)
    await until(extension, "held.length === 1 && held.shift()() === undefined")
    await until(extension, "held.length === 1 && held.shift()() === undefined")
    await extension.phase("live")


@pytest.mark.parametrize(("consent", "first"), [("ask", "consent"), ("announced", "live")])
async def test_a_call_that_cannot_be_resumed_is_a_new_one_which_needs_its_own_consent(
    extension: Extension, phone: Phone, pages: str, consent: str, first: str
) -> None:
    await extension.save("local", "prefs", {"consent": consent})
    await extension.save("local", "unended", {"callId": "of-another-day", "site": pages})
    page = await phone()
    await extension.click(page)
    await extension.phase(first)
    if consent == "ask":
        assert await extension.worker.evaluate(CAPTURED) == 0
        tab = await extension.tab(page)
        await extension.until(tab, "Does everyone on this call agree?")
        await extension.overlay(tab, "click", "[data-act=agree]")
        await extension.phase("live")
    assert (await extension.view())["callId"] not in ("", "of-another-day")
