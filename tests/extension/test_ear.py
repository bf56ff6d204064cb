"""Whispers in the ear: announced, the customer quieter, silence at once, and no device.

Nobody makes a sound here: while somebody does, the server holds a whisper back.
"""

import asyncio
import wave
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from copilot.bench.chromium import Extension, with_extension
from tests.extension.conftest import FOLDER, Sidecar

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LINE = "You can change the address in the app until the evening before delivery."
LISTEN = """(() => {
  const { context, loud } = desk.ear;
  const scope = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
  loud.connect(scope);
  globalThis.heard = [];
  const bins = new Float32Array(scope.frequencyBinCount);
  const share = (hertz) => bins[Math.round(hertz / context.sampleRate * scope.fftSize)];
  setInterval(() => {
    scope.getFloatFrequencyData(bins);
    const room = desk.sound?.room.gain.value;
    heard.push({ at: 1000 * context.currentTime, earcon: share(880), whisper: share(1000), room });
  }, 15);
})()"""
LOUD_DB = -50
NOW = "1000 * desk.ear.context.currentTime"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Extension]:
    """With a microphone that hears nothing."""
    silence = tmp_path_factory.mktemp("sound") / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setparams((1, 2, 48_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 48_000))
    async with with_extension(FOLDER, silence) as made:
        yield made


async def listening(extension: Extension, pages: str, **ear: object) -> int:
    """A call with the ear on, and a scope on what the ear plays; the tab's id."""
    on = {"on": True, "loudness": 0.8, "duck": True, **ear}
    await extension.save("local", "prefs", {"consent": "announced", "ear": on})
    page = await extension.context.new_page()
    await page.goto(f"{pages}/softphone.html?way=silent")
    await extension.click(page)
    await extension.phase("live")
    await extension.desk(LISTEN)
    return await extension.tab(page)


async def heard(extension: Extension, what: str) -> list[float]:
    """When something was loud in the ear, ms of what the ear has played: a machine may stall."""
    loud = f"heard.filter((one) => one.{what} > {LOUD_DB}).map((one) => one.at)"
    found: list[float] = await extension.desk(loud)
    return found


async def wait_for(extension: Extension, what: str) -> None:
    async with asyncio.timeout(15):
        while not await heard(extension, what):
            await asyncio.sleep(0.03)


async def test_announced_heard_and_the_customer_quieter_meanwhile(
    extension: Extension, sidecar: Sidecar, pages: str
) -> None:
    tab = await listening(extension, pages)
    await wait_for(extension, "whisper")
    whisper = (await extension.view())["whisper"]
    assert whisper
    await extension.until(tab, whisper)
    assert min(await heard(extension, "earcon")) < min(await heard(extension, "whisper"))
    async with asyncio.timeout(15):
        while (await extension.view())["whisper"]:
            await asyncio.sleep(0.05)
    assert await extension.desk("Math.min(...heard.map((one) => one.room))") < 0.4
    async with asyncio.timeout(15):
        while await extension.desk("desk.sound.room.gain.value") < 0.9:
            await asyncio.sleep(0.05)
    call = (await extension.view())["callId"]
    kinds = [one["type"] for one in await sidecar.log(call, "whisper_played")]
    assert kinds.count("whisper_played") == 1


async def test_muting_is_silence_at_once_and_the_copilot_knows(
    extension: Extension, sidecar: Sidecar, pages: str
) -> None:
    await listening(extension, pages)
    await wait_for(extension, "whisper")
    muted = await extension.desk(f"desk.act('mute') ?? {NOW}")
    await asyncio.sleep(0.8)
    assert max(await heard(extension, "whisper")) < muted + 150, "the scope's window is 93 ms"
    log = await sidecar.log((await extension.view())["callId"], "stop_speaking")
    assert {"type": "ear_switched", "on": False} in log
    assert {"type": "stop_speaking", "whisper": 1, "reason": "muted"} in log


async def test_without_its_device_whispers_are_cards_only(
    extension: Extension, sidecar: Sidecar, pages: str
) -> None:
    device = {"id": "gone", "label": "A headset that was unplugged"}
    tab = await listening(extension, pages, device=device)
    await extension.until(tab, "Your earpiece is not connected")
    await extension.until(tab, LINE)
    call = (await extension.view())["callId"]
    kinds = [one["type"] for one in await sidecar.log(call, "show_card")]
    assert "speak" not in kinds


async def test_a_device_that_disappears_in_a_call_leaves_cards_until_it_is_back(
    extension: Extension, sidecar: Sidecar, pages: str
) -> None:
    """As the browser tells it: devices have changed, and this one is not among them."""
    list_them = "navigator.mediaDevices.enumerateDevices()"
    outputs = f"{list_them}.then((all) => all.filter((one) => one.kind === 'audiooutput'))"
    chosen = "({ deviceId, label }) => ({ id: deviceId, label })"
    page = await extension.page("options/options.html")
    device = await page.evaluate(f"{outputs}.then((all) => all.map({chosen}).at(-1))")
    tab = await listening(extension, pages, device=device)
    await wait_for(extension, "whisper")
    told = "navigator.mediaDevices.dispatchEvent(new Event('devicechange'))"
    await extension.desk(f"navigator.mediaDevices.enumerateDevices = async () => []; {told}")
    await extension.until(tab, "Your earpiece is not connected")
    gone = await extension.desk(NOW)
    await asyncio.sleep(0.5)
    assert max(await heard(extension, "whisper")) < gone + 150, "the scope's window is 93 ms"
    await extension.desk(f"delete navigator.mediaDevices.enumerateDevices; {told}")
    async with asyncio.timeout(15):
        while "not connected" in await extension.overlay(tab):
            await asyncio.sleep(0.03)
    log = await sidecar.log((await extension.view())["callId"], "ear_switched", 3)
    switched = [one["on"] for one in log if one["type"] == "ear_switched"]
    assert switched[-2:] == [False, True]


async def test_a_microphone_that_picks_whispers_up_is_told_of_once(
    extension: Extension, pages: str
) -> None:
    """The server's word for it is put in here: no fake microphone hears a fake earpiece."""
    tab = await listening(extension, pages)
    async with asyncio.timeout(15):  # the log's past has come, and replaces nothing any more
        while not await extension.desk("desk.journal.tick > 0"):
            await asyncio.sleep(0.03)
    tell = "desk.link.hooks.entries([{{ event: {{ type: 'ear_changed', ear: '{}' }} }}])"
    for ear, note, said in (
        ("soft", "warn_echoSoft", "Your microphone picks up the whispers"),
        ("off", "warn_echoOff", "Whispers are off: your microphone picked them up"),
    ):
        await extension.desk(tell.format(ear))
        await extension.until(tab, said)
        understood = f"[data-note={note}] button:last-child"
        async with asyncio.timeout(15):  # it is announced before it is drawn
            while await extension.overlay(tab, "click", understood) != "Understood":
                await asyncio.sleep(0.03)
            while said in await extension.overlay(tab):
                await asyncio.sleep(0.03)


async def test_the_device_that_was_chosen_is_used(extension: Extension, pages: str) -> None:
    find = """navigator.mediaDevices.enumerateDevices().then((all) =>
      all.filter((one) => one.kind === 'audiooutput').map(({ deviceId, label }) => (
        { id: deviceId, label })).at(-1))"""
    page = await extension.page("options/options.html")
    device = await page.evaluate(find)
    await page.get_by_label("Whisper short lines in my ear").check()
    await page.get_by_label("Where it is heard").select_option(device["label"])
    await page.get_by_role("button", name="Play a test sound").click()
    await page.get_by_text("Did you hear two rising tones?").wait_for()
    phone = await extension.context.new_page()
    await phone.goto(f"{pages}/softphone.html?way=silent")
    await page.get_by_label("Callers are told before they reach me").check()
    await extension.click(phone)
    await extension.phase("live")
    assert await extension.desk("desk.ear.context.sinkId") == device["id"]
