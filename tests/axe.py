"""axe-core, the accessibility rules of browsers, run on a page."""

from importlib.resources import files

from playwright.async_api import Page

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


# What fades in is judged once it is there; what moves for ever is judged as it is.
STILL = """() => Promise.allSettled(document.getAnimations()
  .filter((one) => one.effect.getComputedTiming().endTime !== Infinity)
  .map((one) => one.finished))"""


async def accessible(page: Page) -> None:
    """Fail on whatever axe finds."""
    await page.evaluate(STILL)
    await page.evaluate(AXE)
    found = await page.evaluate("axe.run().then(({ violations }) => violations)")
    told = [
        (one["id"], node["html"], node["failureSummary"]) for one in found for node in one["nodes"]
    ]
    assert told == [], f"{page.url}: {told}"
