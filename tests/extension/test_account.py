"""Signing in by a code, tokens that are renewed, signing out, and addresses that are wrong."""

import pytest
from playwright.async_api import Page, expect

from copilot.bench.chromium import Extension
from tests.extension.conftest import Sidecar
from tests.extension.server import Setup

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SIGNED = Setup(required=True)
ACCESS = "ext.send({ to: 'worker', what: 'access' })"


async def connect(extension: Extension, server: str) -> Page:
    page = await extension.page("options/options.html")
    await page.get_by_label("Address of your copilot").fill(server)
    await page.get_by_role("button", name="Sign in").click()
    return page


async def answer(options: Page, sidecar: Sidecar, said: str) -> None:
    """What a person does in the console with the code that the options show."""
    await expect(options.locator("#code")).to_contain_text("-")
    code = await options.locator("#code").text_content() or ""
    await sidecar.post("/test/pair", **{"code": code, "as": said})


@pytest.mark.setup(SIGNED)
async def test_signed_in_by_code_heard_and_signed_out(
    fresh: Extension, sidecar: Sidecar, pages: str
) -> None:
    await sidecar.answers()
    options = await connect(fresh, sidecar.url)
    await answer(options, sidecar, "approve")
    await expect(options.locator("#who")).to_have_text("agent", timeout=10_000)
    await options.get_by_label("Callers are told before they reach me").check()
    phone = await fresh.context.new_page()
    await phone.goto(f"{pages}/softphone.html")
    await fresh.click(phone)
    await fresh.phase("live")

    old = await fresh.load("session", "pass")
    await fresh.save("session", "pass", {**old, "until": 0})
    got = await fresh.desk(f"Promise.all([{ACCESS}, {ACCESS}, {ACCESS}])", awaiting=True)
    tokens = {one["token"] for one in got}
    assert len(tokens) == 1, "renewed once, however many ask"
    assert tokens != {old["token"]}

    await options.bring_to_front()
    await options.get_by_role("button", name="Sign out").click()
    await fresh.phase("ended")
    assert (await fresh.view())["reason"] in ("signedOut", "revoked")
    await expect(options.get_by_label("Address of your copilot")).to_be_visible()
    assert await fresh.load("local", "account") is None
    bearer = {"Authorization": f"Bearer {tokens.pop()}"}
    assert (await sidecar.get("/auth/me", bearer)).status_code == 401


@pytest.mark.setup(SIGNED)
async def test_refused_cancelled_and_revoked(fresh: Extension, sidecar: Sidecar) -> None:
    await sidecar.answers()
    options = await connect(fresh, sidecar.url)
    await answer(options, sidecar, "refuse")
    alert = options.locator("#server-trouble")
    await expect(alert).to_contain_text("The sign-in was refused", timeout=10_000)
    await options.get_by_role("button", name="Sign in").click()
    await options.get_by_role("button", name="Cancel").click()
    await expect(options.get_by_role("button", name="Sign in")).to_be_enabled()

    known = {"server": sidecar.url, "refresh": "taken-back", "user": {}}
    await fresh.save("local", "account", known)
    page = await fresh.page("panel/panel.html")
    assert (await page.evaluate(ACCESS))["trouble"] == "signedOut"
    assert await fresh.load("local", "account") is None


async def test_wrong_addresses_are_explained(fresh: Extension, pages: str) -> None:
    said = {
        "127.0.0.1:1": "The copilot does not answer",
        "https://127.0.0.1:1": "No secure connection to the server",
        pages: "No copilot at this address",
        "not an address": "This is no address",
    }
    for server, text in said.items():
        options = await connect(fresh, server)
        await expect(options.locator("#server-trouble")).to_contain_text(text)
        await options.close()


async def test_a_server_for_this_machine_alone_wants_no_sign_in(
    fresh: Extension, sidecar: Sidecar
) -> None:
    await sidecar.answers()
    options = await connect(fresh, sidecar.url.removeprefix("http://"))
    await expect(options.locator("#no-sign-in")).to_be_visible()
    await expect(options.locator("#where")).to_contain_text("default")
