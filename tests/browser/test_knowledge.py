"""A team lead makes a knowledge base in a browser, by mouse and drop or by keyboard alone."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.conftest import Site, watch
from tests.browser.test_accounts import reach
from tests.browser.test_pages import CONTRAST

pytestmark = pytest.mark.browser

FAQ = "question,answer,say\nWhen do you open?,At nine.,We open at nine.\n,Nothing asked.,\n"
DROP = """(target, files) => {
  const data = new DataTransfer();
  for (const [name, text] of files) data.items.add(new File([text], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    target.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true }));
  }
}"""


async def ready(page: Page, sign: Locator) -> None:
    """Wait for the page with this sign, and until its scripts have run."""
    await expect(sign).to_be_visible()
    await page.wait_for_load_state("load")


async def test_from_files_to_published(site: Site, page: Page) -> None:
    """The first journey: make, drop, mend, edit, publish, change, look, publish, roll back."""
    await page.goto(f"{site.url}/knowledge")
    await page.get_by_role("link", name="Make the first knowledge base").click()
    await page.get_by_label("Name").fill("Corner shop")
    await page.get_by_role("button", name="Next: add files").click()
    files = [("faq.csv", FAQ), ("hours.txt", "PARKING\n\nForty places.\n"), ("photo.png", "x")]
    await ready(page, page.locator("#drop"))
    await page.locator("#drop").evaluate(DROP, files)
    uploads = page.locator(".upload")
    await expect(uploads).to_have_count(3)
    await expect(uploads.nth(0)).to_contain_text("1 passage, 1 problem: see below")
    await expect(uploads.nth(1)).to_contain_text("1 passage")
    await expect(uploads.nth(2)).to_contain_text(".png is not read")
    await expect(page.locator("#files .problem")).to_contain_text("Line 3")
    await expect(page.locator("h1 .badge")).to_have_text("Has problems")

    await page.get_by_role("link", name="Mend faq.csv").click()
    await ready(page, page.get_by_role("link", name="Go to the line"))
    await page.get_by_role("link", name="Go to the line").click()
    chosen = "() => getSelection().toString() || document.activeElement.selectionStart"
    assert await page.evaluate(chosen) == ",Nothing asked.,"
    await page.keyboard.type("Is there parking?,Yes.,")
    await page.get_by_role("button", name="Save and check").click()
    await expect(page.locator("h1 .badge")).to_have_text("Not published")

    await page.locator("#tabs").get_by_role("link", name="Passages").click()
    await ready(page, page.get_by_label("Find passages"))
    await page.get_by_label("Find passages").fill("nine")
    await expect(page.locator("#passages .item")).to_have_count(1)
    await page.get_by_role("link", name="When do you open?").click()
    await ready(page, page.get_by_label("Line to say"))
    await page.get_by_label("Line to say").fill("We open at nine sharp.")
    await expect(page.locator('[data-count="say"]')).to_have_text("5 of 25 words.")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("We open at nine sharp.")).to_be_visible()

    await page.get_by_role("link", name="Publish…").click()
    await page.get_by_role("button", name="Publish 3 passages").click()
    await expect(page.get_by_text("In calls")).to_be_visible()
    assert [pack.title for pack in site.services.desk.in_calls()] == ["Corner shop"]
    await page.get_by_role("link", name="Write a passage").click()
    await page.get_by_label("Question").fill("Do you sell cards?")
    await page.get_by_role("textbox", name="Answer Two").fill("Yes, at the till.")
    await page.get_by_role("button", name="Add to the draft").click()
    await page.get_by_role("link", name="Publish…").click()
    await expect(page.locator(".item-come")).to_contain_text("Do you sell cards?")
    await page.get_by_role("button", name="Publish 4 passages").click()
    await page.get_by_role("button", name="Roll back").click()
    await expect(page.locator("tbody tr").first).to_contain_text("Rolled back")
    assert len(site.services.desk.in_calls()[0].passages) == 3


async def test_by_keyboard_alone(site: Site, page: Page, tmp_path: Path) -> None:
    await page.goto(f"{site.url}/knowledge/new")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await _tab_to(page, "title")
    await page.keyboard.type("Corner shop")
    await page.keyboard.press("Enter")
    await expect(page.locator("#drop")).to_be_visible()
    await _tab_to(page, "files")
    (tmp_path / "hours.txt").write_text("PARKING\n\nForty places.\n")
    async with page.expect_file_chooser() as chooser:
        await page.keyboard.press("Space")
    await (await chooser.value).set_files(tmp_path / "hours.txt")
    await expect(page.locator(".upload-good")).to_have_count(1)
    await reach(page, "Publish…")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Publish 1 passage")).to_be_visible()
    await reach(page, "Publish 1 passage")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("In calls")).to_be_visible()


async def test_words_are_tried(site: Site, page: Page) -> None:
    await page.goto(f"{site.url}/try")
    await page.get_by_role("link", name="Typed words").click()
    box = page.get_by_label("What is said")
    await box.fill("Maria: good morning\nTom: can i change the address of my parcel\nTom: okay")
    await page.get_by_role("button", name="Try it").click()
    await expect(page.get_by_text("Maria spoke first")).to_be_visible()
    await expect(page.locator(".decision")).to_contain_text("What would have kept it away")
    await page.get_by_role("button", name="Swap the speakers").click()
    await expect(page.locator(".line-customer .line-text").first).to_have_text("good morning")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_can_be_read_on_any_screen(site: Site, browser: Browser, scheme: str) -> None:
    desk = site.services.desk
    page = await browser.new_page(
        viewport={"width": 375, "height": 740},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    faults = watch(page)
    answer = await page.request.post(
        f"{site.url}/api/v1/knowledge", data={"title": "A shop with a rather long name indeed"}
    )
    name = (await answer.json())["name"]
    for file, text in (
        ("faq.csv", FAQ),
        ("hours.txt", "PARKING\n\nForty places behind the shop.\n"),
    ):
        await page.request.put(f"{site.url}/api/v1/knowledge/{name}/files/{file}", data=text)
    passages = desk.drafts.read(name).passages
    for path in (
        "",
        f"/{name}",
        f"/{name}/files",
        f"/{name}/file?name=faq.csv",
        f"/{name}/passage?id={passages[0].id.replace('#', '%23')}",
        f"/{name}/write",
        f"/{name}/changes",
        f"/{name}/versions",
        f"/{name}/check",
        f"/{name}/about",
        "/gaps",
    ):
        await page.goto(f"{site.url}/knowledge{path}")
        assert await page.evaluate(CONTRAST) == [], path
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
    for path in ("/try/words", "/try/recording", "/try"):
        await page.goto(f"{site.url}{path}")
        assert await page.evaluate(CONTRAST) == [], path
    await page.close()
    assert faults == []


async def _tab_to(page: Page, name: str) -> None:
    """Press Tab until the field of that name has the focus."""
    for _ in range(30):
        if await page.evaluate("document.activeElement.getAttribute('name')") == name:
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached by Tab")
