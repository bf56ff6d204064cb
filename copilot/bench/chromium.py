"""Chromium with the extension loaded, driven as an agent drives it: for tests and measurements."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, CDPSession, Page, Worker, async_playwright

from copilot.errors import UserError

FLAGS = (
    "--disable-quic",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
)
WAIT_S = 15.0
"""How long anything may take that a test waits for."""

_IN_OVERLAY = """async ([tabId, what, given]) => {
  const [{ result }] = await chrome.scripting.executeScript({
    target: { tabId }, args: [what, given], func: (what, given) => {
      const host = document.querySelector("html > call-copilot");
      if (!host) return null;
      const root = chrome.dom.openOrClosedShadowRoot(host);
      if (what === "text") return root.textContent;
      const found = root.querySelector(given);
      if (!found || found.closest("[hidden]")) return null;
      if (what === "click") found.click();
      if (what === "focus") found.focus();
      if (what === "box") {
        const { x, y, width, height } = found.getBoundingClientRect();
        return [x, y, width, height];
      }
      return found.textContent;
    },
  });
  return result;
}"""


_RESET = """async () => {
  await chrome.offscreen.closeDocument().catch(() => {});
  await chrome.storage.local.clear();
  await chrome.storage.session.clear();
}"""


class Extension:
    """A browser in which the extension runs, and the ends by which it is reached."""

    def __init__(self, context: BrowserContext, cdp: CDPSession, worker: Worker) -> None:
        self.context = context
        self.worker = worker
        self.faults: list[str] = []
        """What went wrong in the offscreen document, which no other log tells."""
        self._cdp = cdp
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._sessions: dict[str, str] = {}
        """By target: those that Playwright does not show."""
        cdp.on("Target.receivedMessageFromTarget", self._received)

    @property
    def id(self) -> str:
        return self.worker.url.split("/")[2]

    def url(self, path: str) -> str:
        return f"chrome-extension://{self.id}/{path}"

    async def page(self, path: str) -> Page:
        """A page of the extension, in a tab."""
        page = await self.context.new_page()
        await page.goto(self.url(path))
        return page

    async def microphone(self, setting: str) -> None:
        """Answer the question for the microphone: ``granted``, ``denied`` or ``prompt``."""
        await self._cdp.send(
            "Browser.setPermission",
            {
                "permission": {"name": "microphone"},
                "setting": setting,
                "origin": f"chrome-extension://{self.id}",
            },
        )

    async def save(self, area: str, key: str, value: object) -> None:
        """Put a value into the extension's storage; None takes it out."""
        if value is None:
            script = "([area, key]) => chrome.storage[area].remove(key)"
            await self._in_worker(script, [area, key])
        else:
            script = "([area, key, value]) => chrome.storage[area].set({ [key]: value })"
            await self._in_worker(script, [area, key, value])

    async def load(self, area: str, key: str) -> Any:
        script = "async ([area, key]) => (await chrome.storage[area].get(key))[key]"
        return await self._in_worker(script, [area, key])

    async def tab(self, page: Page) -> int:
        """The tab's id; the page needs to be one that the icon was clicked on."""
        script = "async (url) => (await chrome.tabs.query({})).find((one) => one.url === url)?.id"
        found = await self._in_worker(script, page.url)
        assert isinstance(found, int), f"no tab shows {page.url}"
        return found

    async def click(self, page: Page) -> None:
        """Click the extension's icon while the page is in front."""
        await page.bring_to_front()
        wanted = {"filter": [{"type": "tab", "exclude": False}]}
        tabs = (await self._cdp.send("Target.getTargets", wanted))["targetInfos"]
        tab = next(one["targetId"] for one in tabs if one["url"] == page.url)
        await self._cdp.send("Extensions.triggerAction", {"id": self.id, "targetId": tab})

    async def press(self, command: str) -> None:
        """Give one of the extension's commands, as its shortcut does."""
        await self._in_worker("(name) => chrome.commands.onCommand.dispatch(name)", command)

    async def reset(self) -> None:
        """End whatever call is on, forget everything, and leave one empty tab."""
        await self._in_worker(_RESET, None)
        keep = await self.context.new_page()
        for page in self.context.pages:
            if page is not keep:
                await page.close()
        await self.microphone("granted")

    async def stop_worker(self) -> None:
        """Stop the service worker as the browser does after half a minute."""
        targets = (await self._cdp.send("Target.getTargets"))["targetInfos"]
        worker = next(one for one in targets if one["type"] == "service_worker")
        await self._cdp.send("Target.closeTarget", {"targetId": worker["targetId"]})

    async def overlay(self, tab: int, what: str = "text", given: str = "") -> Any:
        """Text of the overlay, or what a selector finds in it; None where there is none."""
        return await self._in_worker(_IN_OVERLAY, [tab, what, given])

    async def until(self, tab: int, text: str, seconds: float = WAIT_S) -> None:
        """Wait until the overlay says so."""
        said = None
        try:
            async with asyncio.timeout(seconds):
                while text not in ((said := await self.overlay(tab)) or ""):  # noqa: ASYNC110
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"the overlay says {said!r}, not {text!r}") from None

    async def _in_worker(self, script: str, given: object) -> Any:
        """What a function gives in the service worker; never if that has been stopped."""
        return await asyncio.wait_for(self.worker.evaluate(script, given), WAIT_S)

    async def has_desk(self) -> bool:
        """Whether a call's page is open."""
        return await self._desk_target() is not None

    async def desk(self, expression: str, awaiting: bool = False) -> Any:
        """The value of an expression in the offscreen document."""
        target = await self._desk_target()
        assert target is not None, "there is no offscreen document"
        if target not in self._sessions:
            await self._ask(target, "Runtime.enable", {})
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": awaiting}
        answer = await self._ask(target, "Runtime.evaluate", asked)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def offline(self, on: bool) -> None:
        """Take the network from the offscreen document, or give it back."""
        target = await self._desk_target()
        assert target is not None
        given = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        await self._ask(target, "Network.enable", {})
        await self._ask(target, "Network.emulateNetworkConditions", {"offline": on, **given})

    async def heaps(self) -> dict[str, dict[str, float]]:
        """What is held once all garbage is collected, MiB of scripts and of the page's own objects:
        by the pages of the extension, which share one heap, and by the worker."""
        targets = (await self._cdp.send("Target.getTargets"))["targetInfos"]
        worker = next(one["targetId"] for one in targets if one["type"] == "service_worker")
        pages = await self._desk_target()
        found = {}
        for name, target in (("pages", pages), ("worker", worker)):
            if target is None:
                continue
            await self._ask(target, "HeapProfiler.collectGarbage", {})
            used = await self._ask(target, "Runtime.getHeapUsage", {})
            found[name] = {
                "scripts": round(used["usedSize"] / 2**20, 2),
                "objects": round(used.get("embedderHeapUsedSize", 0) / 2**20, 2),
            }
        return found

    async def view(self) -> Mapping[str, Any]:
        """What the call shows of itself."""
        found: dict[str, Any] = await self.desk("desk.view()")
        return found

    async def phase(self, wanted: str, seconds: float = WAIT_S) -> None:
        """Wait until the call has come to a phase."""
        phase = None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    if await self.has_desk():
                        phase = await self.desk("globalThis.desk?.phase")
                        if phase == wanted:
                            return
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"the call is {phase}, not {wanted}") from None

    async def _desk_target(self) -> str | None:
        targets = (await self._cdp.send("Target.getTargets"))["targetInfos"]
        found = [one["targetId"] for one in targets if one["url"] == self.url("offscreen.html")]
        return found[0] if found else None

    async def _ask(self, target: str, method: str, parameters: object) -> Any:
        if target not in self._sessions:
            made = {"targetId": target, "flatten": False}
            session = await self._cdp.send("Target.attachToTarget", made)
            self._sessions[target] = session["sessionId"]
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        message = json.dumps({"id": number, "method": method, "params": parameters})
        sent = {"sessionId": self._sessions[target], "message": message}
        await self._cdp.send("Target.sendMessageToTarget", sent)
        return await asyncio.wait_for(answer, WAIT_S)

    def _received(self, event: Mapping[str, Any]) -> None:
        said = json.loads(event["message"])
        if "id" in said and said["id"] in self._answers:
            answer = self._answers.pop(said["id"])
            if not answer.done():  # the one who asked waits no more
                answer.set_result(said.get("result", said))
        elif said.get("method") == "Runtime.exceptionThrown":
            details = said["params"]["exceptionDetails"]
            self.faults.append(details.get("exception", {}).get("description", details["text"]))


@asynccontextmanager
async def with_extension(
    folder: Path,
    microphone: Path | None = None,
    more: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    **options: Any,
) -> AsyncIterator[Extension]:
    """Chromium with the unpacked extension at `folder`; raises UserError where there is none.

    `microphone` is a WAV file (48 kHz, mono, 16 bit) that the fake microphone repeats.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise UserError("Chromium is not installed: apt-get install chromium")
    if not (folder / "manifest.json").exists():
        raise UserError(f"{folder}: no manifest.json; name the folder of the extension")
    sound = [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
    loaded = [f"--disable-extensions-except={folder}", f"--load-extension={folder}"]
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            "",
            executable_path=chromium,
            headless=True,
            args=[*FLAGS, *loaded, *sound, *more],
            **{"ignore_default_args": ["--mute-audio"], **options},
            env=dict(env) if env else None,
        )
        try:
            worker = (
                context.service_workers[0]
                if context.service_workers
                else await context.wait_for_event("serviceworker")
            )
            assert context.browser is not None
            cdp = await context.browser.new_browser_cdp_session()
            made = Extension(context, cdp, worker)
            await made.microphone("granted")
            yield made
        finally:
            await context.close()
