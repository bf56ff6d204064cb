"""A new team lead, from a one-time link to a call that their own knowledge answers: no mouse."""

from pathlib import Path

import msgspec
import pytest
from playwright.async_api import Page, expect

from copilot.accounts.roles import Role
from copilot.assemble import services
from copilot.config import Settings
from copilot.config.sections import Accounts, Knowledge, Provider
from copilot.core.vocabulary import Word
from copilot.providers.scripted import Said, Script
from copilot.sidecar.peer import use_interface
from copilot.web.sample import Sample
from tests.browser.conftest import on_a_port
from tests.browser.test_accounts import reach, write
from tests.helpers import WORD_TICKS
from tests.retrieval.shop import shop
from tests.tenants import PASSWORD, make_tenants
from tests.website import tone

pytestmark = pytest.mark.browser

FAQ = """question,answer,say
When do you open on Sundays?,On Sundays it is open from ten to four.,On Sundays we open at ten.
Is there parking behind the shop?,There are forty places behind it.,There are forty places.
"""
ASKED = "when do you open on sundays"
"""What the sample call's customer says; everything else of the installation is real."""


@pytest.fixture
def settings(data: Path, tmp_path: Path) -> Settings:
    words = tuple(
        Word(word, 40 + place * WORD_TICKS, 40 + (place + 1) * WORD_TICKS)
        for place, word in enumerate(ASKED.split())
    )
    script = tmp_path / "script.json"
    script.write_bytes(msgspec.json.encode(Script(customer=Said(words))))
    return Settings(
        data=data,
        knowledge=Knowledge(path=shop(tmp_path)),
        ear=Provider.model_validate({"provider": "scripted", "script": str(script)}),
        accounts=Accounts(required=True),
    )


async def test_from_the_first_sign_in_to_a_call_that_is_answered(
    settings: Settings, page: Page, tmp_path: Path
) -> None:
    async def recordings() -> tuple[Path, Path]:
        return tone(tmp_path / "agent.wav", 300), tone(tmp_path / "customer.wav", 500)

    use_interface("127.0.0.1")
    (tmp_path / "faq.csv").write_text(FAQ)
    async with services(settings, sample=Sample(recordings)) as made, on_a_port(made) as site:
        admin = await (await make_tenants(made.accounts)).who(Role.ADMIN)
        _, secret = await made.accounts.people.invite(admin, "lena@example.com", [Role.LEAD])
        await page.goto(f"{site.url}/join/{secret}")
        await write(page, "Your name", "Lena")
        await write(page, "Password", PASSWORD)
        await enter(page, "**/")

        await press(page, "Knowledge", "**/knowledge")
        await press(page, "New knowledge base", "**/knowledge/new")
        await write(page, "Name", "Corner shop")
        await enter(page, "**/corner-shop/files")
        await reach(page, "or choose them")
        async with page.expect_file_chooser() as chooser:
            await page.keyboard.press("Space")
        await (await chooser.value).set_files(tmp_path / "faq.csv")
        await expect(page.locator(".upload-good")).to_have_count(1)
        await press(page, "Publish…", "**/corner-shop/changes")
        await press(page, "Publish 2 passages", "**/corner-shop/versions")
        await expect(page.get_by_text("In calls")).to_be_visible()

        await press(page, "Try it", "**/try")
        await reach(page, "Everyone on this call agrees")
        await page.keyboard.press("Space")
        await reach(page, "Start the call")
        await page.keyboard.press("Enter")
        card = page.locator(".card-big")
        await expect(card).to_contain_text("On Sundays we open at ten.", timeout=60_000)
        await reach(page, "Hang up")
        await page.keyboard.press("Enter")
        await press(page, "What happened", "**/calls/*")
        story = page.locator("article.card").first
        await expect(story).to_contain_text("When do you open on Sundays?")
        await expect(story).to_contain_text(ASKED)
        [call] = await made.store.calls(2)
        assert any(pack.startswith("corner-shop@") for pack in call.packs)


async def press(page: Page, name: str, to: str) -> None:
    """Go to the link or button of this name and press it, which leads to another page."""
    await reach(page, name)
    await enter(page, to)


async def enter(page: Page, to: str) -> None:
    await page.keyboard.press("Enter")
    await page.wait_for_url(to, wait_until="load")
