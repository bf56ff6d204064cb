"""Whom a call is with: by the tab's address, by hand, by the organisation's rule; what is known."""

from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from copilot.bench.chromium import Extension
from tests.axe import accessible
from tests.extension.conftest import Phone, Sidecar
from tests.extension.test_modules import run

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

RULE = "{}/softphone.html?way=audio&customer=:customer"


async def call_with(extension: Extension, page: Page) -> str:
    """A call on the page; its id."""
    await extension.click(page)
    await extension.phase("live")
    call: str = (await extension.view())["callId"]
    return call


async def remember(sidecar: Sidecar, call: str, customer: str, *facts: str) -> None:
    """What another program or a colleague tells the copilot of a customer."""
    base = f"{sidecar.url}/api/v1/calls/{call}"
    async with httpx.AsyncClient() as client:
        named = await client.put(f"{base}/customer", json={"external_id": customer})
        assert named.status_code == 200
        for place, text in enumerate(facts):
            note = {"text": text, "tick": 250 * place}
            assert (await client.post(f"{base}/memory", json=note)).status_code == 201


async def known(extension: Extension) -> dict[str, Any]:
    found: dict[str, Any] = await extension.desk("desk.customer.view()")
    return found


async def test_the_address_names_the_customer_and_the_panel_shows_what_is_known(
    extension: Extension, sidecar: Sidecar, pages: str, phone: Phone
) -> None:
    """At the start of the second call, and again when the page goes on to another customer."""
    rule = RULE.format(pages)
    await extension.save("local", "prefs", {"consent": "announced", "customers": [rule]})
    first = await phone("audio&customer=C-1042")
    panel = await extension.page("panel/panel.html")
    call = await call_with(extension, first)
    await expect(panel.locator("#customer-name")).to_have_text("C-1042")
    await expect(panel.locator("#customer-much")).to_have_text("first time")
    await expect(panel.locator("#memory")).to_contain_text("Nothing is remembered")
    await remember(sidecar, call, "C-1042", "Prefers e-mail.", "Has two parcels.")
    await expect(panel.locator("#memory li")).to_have_count(2)  # told by the call's own log
    await extension.desk("desk.end('hang_up')", awaiting=True)

    await call_with(extension, first)
    await expect(panel.locator("#customer-much")).to_have_text("facts: 2 · calls: 0")
    await expect(panel.locator("#memory li").nth(1)).to_contain_text("Prefers e-mail.")
    await expect(panel.locator("#memory li").first).to_contain_text("at 0:20 of the call")
    await accessible(panel)

    await first.evaluate("history.pushState({}, '', location.href.replace('1042', '7'))")
    await expect(panel.locator("#customer-name")).to_have_text("C-7")
    await expect(panel.locator("#customer-much")).to_have_text("first time")
    overlay = await extension.overlay(await extension.tab(first))
    assert "e-mail" not in overlay, "the page's process never has what is remembered"
    stored = "async () => JSON.stringify([await chrome.storage.local.get(), "
    stored += "await chrome.storage.session.get()])"
    assert "C-7" not in await extension.worker.evaluate(stored), "nothing of customers is stored"


async def test_by_hand_corrected_and_forgotten(
    extension: Extension, sidecar: Sidecar, phone: Phone
) -> None:
    page = await phone()
    panel = await extension.page("panel/panel.html")
    call = await call_with(extension, page)
    await expect(panel.locator("#memory")).to_contain_text("Enter the customer’s id")
    await panel.get_by_label("Customer’s id").fill("by hand")
    await panel.keyboard.press("Enter")
    await expect(panel.locator("#customer-much")).to_have_text("first time")
    await remember(sidecar, call, "by hand", "Lives in Bonn.", "Is hard of hearing.")
    await panel.get_by_role("button", name="Correct: Lives in Bonn.").click()
    await panel.get_by_role("textbox", name="Correct").fill("Lives in Cologne.")
    await panel.keyboard.press("Enter")
    await expect(panel.locator("#memory")).to_contain_text("Lives in Cologne.")
    await expect(panel.locator("#memory")).to_contain_text("corrected by")
    await panel.get_by_role("button", name="Forget: Is hard of hearing.").click()
    await expect(panel.locator("#memory li")).to_have_count(2)
    await panel.get_by_role("button", name="Forget for good?").click()
    await expect(panel.locator("#memory li")).to_have_count(1)
    await page.reload()
    assert (await known(extension))["id"] == "by hand", "a reload does not take it back"


async def test_a_memory_that_does_not_answer_says_so_and_is_asked_again(
    extension: Extension, phone: Phone
) -> None:
    panel = await extension.page("panel/panel.html")
    await call_with(extension, await phone())
    access = "desk.customer.access"
    await extension.desk(f"globalThis.was = {access}; 0")
    await extension.desk(f"{access} = async () => ({{ server: 'http://127.0.0.1:1' }}); 0")
    await panel.get_by_label("Customer’s id").fill("C-1")
    await panel.keyboard.press("Enter")
    alert = panel.locator("#memory .alert")
    await expect(alert).to_contain_text("The memory did not answer")
    await expect(alert).to_contain_text("The copilot does not answer")
    await accessible(panel)
    await extension.desk(f"{access} = was; 0")
    await panel.get_by_role("button", name="Try again").click()
    await expect(panel.locator("#customer-much")).to_have_text("first time")


async def test_rules_are_written_in_the_options(fresh: Extension) -> None:
    options = await fresh.page("options/options.html")
    field, told = options.get_by_label("Address with the customer’s id"), "#rule-trouble"
    wrong = {
        "no address": "This is no address",
        "https://*.example.com/:customer": "Begin with one site",
        "https://phone.example.com/call": "Say where the customer’s id stands",
    }
    for rule, text in wrong.items():
        await field.fill(rule)
        await field.press("Enter")
        await expect(options.locator(told)).to_contain_text(text)
    for rule in ("https://a.example/:customer", "https://b.example/:customer"):
        await field.fill(rule)
        await field.press("Enter")
        await expect(field).to_have_value("")
    await field.fill("https://a.example/*?id=:customer")
    await field.press("Enter")
    await expect(options.locator("#rules code")).to_have_text(
        ["https://b.example/:customer", "https://a.example/*?id=:customer"]
    )
    await options.get_by_role("button", name="Remove: https://b.example/:customer").click()
    await expect(options.locator("#rules li")).to_have_count(1)
    assert (await fresh.load("local", "prefs"))["customers"] == ["https://a.example/*?id=:customer"]
    await accessible(options)


@pytest.mark.parametrize(
    ("rule", "address", "customer"),
    [
        ("https://a.example/call/:customer", "https://a.example/call/C%201?x=1#y", "C 1"),
        ("https://a.example/call/:customer", "https://a.example/call/C1/notes", ""),
        ("https://a.example/call/:customer", "https://b.example/call/C1", ""),
        ("https://a.example/call/:customer", "https://a.example:8443/call/C1", ""),
        ("https://a.example/*?id=:customer", "https://a.example/x/y?z=1&id=C+1&q=2", "C 1"),
        ("https://a.example/*?id=:customer", "https://a.example/x?pid=3", ""),
        ("https://a.example/#/contacts/:customer", "https://a.example/#/contacts/7/edit", ""),
        ("https://a.example/#/contacts/:customer", "https://a.example/#/contacts/7", "7"),
        ("https://a.example/#/contacts/:customer{/*}?", "https://a.example/#/contacts/7/edit", "7"),
        ("https://a.example/c-:customer(\\d+)", "https://a.example/c-42", "42"),
        ("https://a.example/:customer", "https://a.example/%zz", "%zz"),
        ("https://a.example/:customer", "https://a.example/" + "9" * 201, ""),
        ("not a rule", "https://a.example/1", ""),
    ],
)
async def test_a_rule_reads_an_address(
    fresh: Extension, rule: str, address: str, customer: str
) -> None:
    body = f"return it.customerIn([{rule!r}], {address!r});"
    assert await run(fresh, "customers.js", body) == customer


async def test_the_organisations_rule_for_a_site_stands(fresh: Extension) -> None:
    body = """return it.together(["https://a.example/:customer", "broken"],
      ["https://a.example/mine/:customer", "https://b.example/:customer", "also broken"]);"""
    assert await run(fresh, "customers.js", body) == [
        "https://a.example/:customer",
        "broken",
        "https://b.example/:customer",
    ]
