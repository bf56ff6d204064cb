"""A whole call: the icon clicked on a softphone's tab, a card on the page, used by its shortcut."""


import pytest

from copilot.bench.chromium import Extension
from copilot.core.events import Party
from tests.extension.conftest import Phone, Sidecar
from tests.extension.server import Setup
from tests.website import QUESTION

pytestmark = pytest.mark.browser

LINE = "You can change the address in the app until the evening before delivery."
ASKED = Setup(spoken=((Party.CUSTOMER, 8, QUESTION),))
LEVELS = "({ tab: desk.sound.level('tab'), microphone: desk.sound.level('microphone') })"


@pytest.mark.setup(ASKED)
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
        assert "change the delivery address" in await extension.overlay(tab)
        assert await page.evaluate("document.querySelector('call-copilot').shadowRoot") is None
        assert min((await extension.desk(LEVELS)).values()) > -70
        await extension.press("use")
        await extension.until(tab, "Marked as used")
        call = (await extension.view())["callId"]
        await extension.overlay(tab, "click", ".end")
        await extension.phase("ended")
        log = await sidecar.log(call)
        assert [one["how"] for one in log if one["type"] == "card_touched"] == ["used"]
        assert {"type": "call_ended", "reason": "hang_up"} in log
        assert "Used by the agent" in (await sidecar.get(f"/calls/{call}")).text
        await page.close()
