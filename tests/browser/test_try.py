"""The whole copilot: `copilot serve` as a process, a microphone, and a card on screen."""

import asyncio
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
from playwright.async_api import Browser, expect

from copilot.store.log import open_store
from tests.browser.conftest import Launch, watch

pytestmark = pytest.mark.browser

ROOT = Path(__file__).resolve().parents[2]
READY = "serving on "
START_SECONDS = 120
"""The first start indexes the packs."""
CARD_MS = 120_000
"""The sample call's first question comes within a minute, and this machine may be busy."""


class Server:
    """`copilot serve` with the embedded default."""

    def __init__(self, data: Path) -> None:
        command = [sys.executable, "-m", "copilot", "--data", str(data), "serve", "--port", "0"]
        self._errors = data.parent / "stderr"
        with self._errors.open("w", encoding="utf-8") as errors:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
            )
        assert self.process.stdout is not None
        too_late = threading.Timer(START_SECONDS, self.process.kill)
        too_late.start()
        line = self.process.stdout.readline()
        too_late.cancel()
        assert line.startswith(READY), self.complaints()
        self.url = line.removeprefix(READY).strip()

    def complaints(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    def stop(self, number: int) -> int:
        """The exit code after this signal."""
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nothing kept from before, but the packs are indexed once."""
    return tmp_path_factory.mktemp("server") / "var"


@pytest.fixture
def server(chromium: str, data: Path) -> Iterator[Server]:
    started = Server(data)
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()


def microphone(url: str, folder: Path) -> Path:
    """The sample call's agent as Chromium's fake microphone wants it: 48 kHz, 16 bit."""
    urlretrieve(f"{url}/sample/agent.wav", folder / "sample.wav")
    samples, rate = soundfile.read(folder / "sample.wav", dtype="float32")
    path = folder / "microphone.wav"
    soundfile.write(path, soxr.resample(samples, rate, 48_000), 48_000, subtype="PCM_16")
    return path


async def test_a_spoken_question_brings_a_card_to_the_softphone(
    server: Server, launch: Launch, tmp_path: Path
) -> None:
    recording = microphone(server.url, tmp_path)
    flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={recording}")
    async with launch(*flags) as browser:
        context = await browser.new_context(permissions=["microphone"])
        page = await context.new_page()
        faults = watch(page)
        await page.goto(f"{server.url}/try")
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
        await page.goto(server.url + source)
        await expect(page.locator("h1")).to_be_visible()
        assert faults == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_server_that_stops_tells_everyone(
    server: Server, data: Path, browser: Browser, number: int
) -> None:
    page, live = await browser.new_page(), await browser.new_page()
    await page.goto(f"{server.url}/try")
    await page.get_by_label("Everyone on this call agrees").check()
    await page.get_by_role("button", name="Start the call").click()
    await expect(page.locator("#state")).to_have_text("Connected", timeout=30_000)
    await live.goto(server.url + str(await page.locator("#live-link").get_attribute("href")))
    await expect(live.locator("#state")).to_have_text("Live", timeout=30_000)
    code = await asyncio.to_thread(server.stop, number)
    await expect(page.locator("#state")).to_have_text("Reconnecting", timeout=3000)
    await expect(live.locator("#state")).to_have_text("Stopped", timeout=3000)
    assert code == 0
    assert "Traceback" not in server.complaints()
    store = await open_store(f"sqlite+aiosqlite:///{data / 'copilot.sqlite'}")
    [row] = await store.calls(1)
    await store.close()
    assert row.reason == "stopped"
