"""The agent's microphone in a call: another is chosen, it is unplugged, it is back."""

import asyncio
from collections.abc import Sequence

import pytest
from playwright.async_api import expect

from copilot.bench.chromium import Extension
from tests.extension.conftest import Phone, Sidecar

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

IN_USE = "desk.sound.legs.microphone.track.getSettings().deviceId"
SENT = "desk.link.hooks.tracks().agent === desk.sound.legs.microphone.track"
UNPLUG = """(() => {
  const { mediaDevices } = navigator;
  const { track } = desk.sound.legs.microphone;
  mediaDevices.enumerateDevices = async () => [];
  mediaDevices.getUserMedia = async () => { throw new DOMException("none", "NotFoundError"); };
  track.stop();
  track.onended();
})()"""
PLUG_IN = """(() => {
  delete navigator.mediaDevices.enumerateDevices;
  delete navigator.mediaDevices.getUserMedia;
  navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
})()"""
INPUTS = """navigator.mediaDevices.enumerateDevices().then((all) => all
  .filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "default")
  .map(({ deviceId, label }) => ({ id: deviceId, label })))"""


async def until(extension: Extension, expression: str) -> None:
    """Wait until something is so in the call's page."""
    async with asyncio.timeout(15):
        while not await extension.desk(expression):
            await asyncio.sleep(0.03)


async def inputs(extension: Extension) -> Sequence[dict[str, str]]:
    page = await extension.page("options/options.html")
    found: Sequence[dict[str, str]] = await page.evaluate(INPUTS)
    assert len(found) > 1, "Chromium's fake devices"
    return found


async def test_another_microphone_is_used_as_soon_as_it_is_chosen(
    extension: Extension, phone: Phone
) -> None:
    chosen = (await inputs(extension))[-1]
    await extension.click(await phone())
    await extension.phase("live")
    assert await extension.desk(IN_USE) != chosen["id"]
    options = await extension.page("options/options.html")
    await options.get_by_label("Your microphone").select_option(chosen["label"])
    await until(extension, f"{IN_USE} === '{chosen['id']}'")
    await until(extension, SENT)


async def test_an_unplugged_microphone_is_told_of_and_taken_up_again(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    tab = await extension.tab(page)
    await extension.desk(UNPLUG)
    await extension.until(tab, "Your microphone cannot be used")
    assert (await extension.view())["phase"] == "live", "the customer is heard as before"
    await extension.desk(PLUG_IN)
    await until(extension, "desk.view().trouble === null")
    await until(extension, "desk.sound.level('microphone') > -70")
    assert "cannot be used" not in await extension.overlay(tab)


async def test_a_microphone_that_is_allowed_again_is_tried_again(
    extension: Extension, phone: Phone
) -> None:
    page = await phone()
    await extension.click(page)
    await extension.phase("live")
    tab = await extension.tab(page)
    await extension.desk(UNPLUG)
    await extension.until(tab, "Your microphone cannot be used")
    await extension.desk("delete navigator.mediaDevices.getUserMedia")
    await extension.overlay(tab, "click", "[data-note=trouble_microphone] button")
    await until(extension, "desk.view().trouble === null")
    await until(extension, "desk.sound.level('microphone') > -70")


async def test_the_microphone_that_was_chosen_is_used_again_once_it_is_back(
    extension: Extension, phone: Phone
) -> None:
    """Meanwhile another does."""
    chosen = (await inputs(extension))[-1]
    gone = {"id": "elsewhere", "label": "A headset"}
    prefs = {"consent": "announced", "microphone": gone}
    await extension.save("local", "prefs", prefs)
    await extension.click(await phone())
    await extension.phase("live")
    assert await extension.desk(IN_USE) != chosen["id"]
    await extension.desk(f"void (desk.sound.device = {{ id: '{chosen['id']}', label: '' }})")
    await extension.desk(f"void (desk.call.prefs.microphone = desk.sound.device); {PLUG_IN}")
    await until(extension, f"{IN_USE} === '{chosen['id']}'")


async def test_a_device_that_is_not_there_keeps_its_name(fresh: Extension) -> None:
    """However often other choices are made meanwhile, for it is found again by that name."""
    gone = {"id": "gone", "label": "A headset"}
    ear = {"on": True, "loudness": 0.7, "duck": True, "device": gone}
    await fresh.save("local", "prefs", {"microphone": gone, "ear": ear})
    options = await fresh.page("options/options.html")
    for _ in range(2):
        await options.get_by_label("I wear a headset").click()
        await options.get_by_label("Make the customer quieter meanwhile").click()
        await options.reload()
        await expect(options.locator("body[data-ready]")).to_be_attached()
    prefs = await fresh.load("local", "prefs")
    assert (prefs["microphone"], prefs["ear"]["device"]) == (gone, gone)


async def test_choices_do_not_forget_the_microphone_while_it_is_not_allowed(
    fresh: Extension,
) -> None:
    chosen = {"id": "some", "label": "A headset"}
    await fresh.save("local", "prefs", {"microphone": chosen})
    await fresh.microphone("prompt")
    options = await fresh.page("options/options.html")
    await options.get_by_label("Callers are told before they reach me").check()
    await options.reload()
    await options.get_by_label("Callers are told before they reach me").check()
    assert (await fresh.load("local", "prefs"))["microphone"] == chosen
