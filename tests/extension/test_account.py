"""Signing in by a code, tokens that are renewed, signing out, and addresses that are wrong."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from copilot.bench.chromium import Extension
from tests.extension.conftest import Sidecar
from tests.extension.server import Setup

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SIGNED = Setup(required=True, seconds=31)
"""Tokens are renewed when less than 30 s are left: here each second of use."""


async def connect(extension: Extension, server: str) -> Page:
    page = await extension.page("options/options.html")
    await page.get_by_label("Address of your copilot").fill(server)
    await page.get_by_role("button", name="Sign in").click()
    return page


@pytest.mark.setup(SIGNED)
async def test_signed_in_by_code_heard_and_signed_out(
    fresh: Extension, sidecar: Sidecar, pages: str
) -> None:
    extension = fresh
    await sidecar.answers()
    options = await connect(extension, sidecar.url)
    await expect(options.locator("#code")).to_have_text("WDJB-MJHT")
    await sidecar.post("/test/decide", **{"as": "approved"})
    await expect(options.locator("#who")).to_have_text("Ada Sample")
    await options.get_by_label("Callers are told before they reach me").check()

    phone = await extension.context.new_page()
    await phone.goto(f"{pages}/softphone.html")
    await extension.click(phone)
    await extension.phase("live")
    await asyncio.sleep(1.2)
    got = "Promise.all([1, 2, 3].map(() => ext.send({ to: 'worker', what: 'access' })))"
    tokens = {one["token"] for one in await extension.desk(got, awaiting=True)}
    assert len(tokens) == 1
    assert (await sidecar.post("/test/state"))["refreshes"] == 1

    await options.bring_to_front()
    await options.get_by_role("button", name="Sign out").click()
    await extension.phase("ended", 2)
    assert (await extension.view())["reason"] == "signedOut"
    await expect(options.get_by_label("Address of your copilot")).to_be_visible()
    assert (await sidecar.post("/test/state"))["refreshes"] == 0
    assert await extension.load("local", "account") is None


@pytest.mark.setup(SIGNED)
async def test_refused_revoked_and_cancelled(fresh: Extension, sidecar: Sidecar) -> None:
    extension = fresh
    await sidecar.answers()
    options = await connect(extension, sidecar.url)
    await expect(options.locator("#code")).to_be_visible()
    await sidecar.post("/test/decide", **{"as": "refused"})
    await expect(options.get_by_role("alert")).to_contain_text("The sign-in was refused")

    await options.get_by_role("button", name="Sign in").click()
    await options.get_by_role("button", name="Cancel").click()
    await expect(options.get_by_role("button", name="Sign in")).to_be_enabled()

    known = {"server": sidecar.url, "refresh": "taken-back", "user": {}}
    await extension.save("local", "account", known)
    asked = "ext.send({ to: 'worker', what: 'access' })"
    page = await extension.page("panel/panel.html")
    assert (await page.evaluate(asked))["trouble"] == "signedOut"
    assert await extension.load("local", "account") is None


async def test_wrong_addresses_are_explained(fresh: Extension, pages: str) -> None:
    said = {
        "127.0.0.1:1": "The copilot does not answer",
        "https://127.0.0.1:1": "No secure connection to the server",
        pages: "No copilot at this address",
        "not an address": "This is no address",
    }
    extension = fresh
    for server, text in said.items():
        options = await connect(extension, server)
        await expect(options.get_by_role("alert")).to_contain_text(text)
        await options.close()


async def test_a_server_for_this_machine_alone_wants_no_sign_in(
    fresh: Extension, sidecar: Sidecar
) -> None:
    extension = fresh
    await sidecar.answers()
    options = await connect(extension, sidecar.url.removeprefix("http://"))
    await expect(options.locator("#no-sign-in")).to_be_visible()
    await expect(options.locator("#who")).to_have_text("Local admin")
