"""The whole copilot: `copilot serve` as a process, a microphone, and a card on screen."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlretrieve

import pytest
import soundfile
import soxr
from playwright.async_api import expect

from tests.browser.conftest import Launch, watch

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
READY = "serving on "
START_SECONDS = 120
"""The first start indexes the packs."""
CARD_MS = 120_000
"""The sample call's first question comes within a minute, and this machine may be busy."""


@pytest.fixture
def server_url(tmp_path: Path) -> Iterator[str]:
    """A server of the embedded default, with nothing kept from before."""
    command = [sys.executable, "-m", "copilot", "--data", str(tmp_path / "var"), "serve"]
    with (tmp_path / "stderr").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [*command, "--port", "0"], cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
        )
        assert process.stdout is not None
        too_late = threading.Timer(START_SECONDS, process.kill)
        too_late.start()
        line = process.stdout.readline()
        too_late.cancel()
        try:
            assert line.startswith(READY), (tmp_path / "stderr").read_text(encoding="utf-8")
            yield line.removeprefix(READY).strip()
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def microphone(url: str, folder: Path) -> Path:
    """The sample call's agent as Chromium's fake microphone wants it: 48 kHz, 16 bit."""
    urlretrieve(f"{url}/sample/agent.wav", folder / "sample.wav")
    samples, rate = soundfile.read(folder / "sample.wav", dtype="float32")
    path = folder / "microphone.wav"
    soundfile.write(path, soxr.resample(samples, rate, 48_000), 48_000, subtype="PCM_16")
    return path


async def test_a_spoken_question_brings_a_card_to_the_softphone(
    server_url: str, launch: Launch, tmp_path: Path
) -> None:
    recording = microphone(server_url, tmp_path)
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={recording}")
    async with launch(*flags) as browser:
        context = await browser.new_context(permissions=["microphone"])
        page = await context.new_page()
        faults = watch(page)
        await page.goto(f"{server_url}/try")
        await page.get_by_label("My microphone").check()
        await page.locator("#customer-device").select_option("sample")
        await page.get_by_label("Everyone on this call agrees").check()
        await page.get_by_role("button", name="Start the call").click()
        await expect(page.locator("#state")).to_have_text("Connected", timeout=30_000)
        await expect(page.locator("#agent-heard")).to_have_text("Heard", timeout=30_000)
        await expect(page.locator("#captions .line").first).to_be_visible(timeout=30_000)

        card = page.locator(".card-big")
        await expect(card).to_be_visible(timeout=CARD_MS)
        assert (await card.locator(".card-line").inner_text()).strip()
        source = await card.get_by_role("link").get_attribute("href")
        assert source is not None
        assert source.startswith("/passages/")
        await page.keyboard.press("u")
        await expect(card).to_contain_text("Marked as used.")
        await page.get_by_role("button", name="Hang up").click()
        await expect(page.locator("#state")).to_have_text("Ended")
        await page.get_by_role("link", name="What happened").click()
        await expect(page.locator(".card").first).to_contain_text("Used by the agent")
        await page.goto(server_url + source)
        await expect(page.locator("h1")).to_be_visible()
        assert faults == []
