"""What an organisation sets by enterprise policy, in a browser that really reads one."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import expect

from copilot.bench.chromium import with_extension
from tests.extension.conftest import FOLDER
from tests.extension.server import EXTENSION

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SETTINGS = Path("/etc/chromium")
POLICY = {
    "server": "https://copilot.acme.example/",
    "team": "Parcels",
    "consent": "announced",
    "customers": ["https://phone.acme.example/call/:customer"],
}
WRAPPER = """#!/bin/sh
exec unshare -Urm sh -c 'mount -t tmpfs none {settings} && mkdir -p {settings}/policies/managed &&
  cp {policy} {settings}/policies/managed/ && exec {chromium} "$@"' sh "$@"
"""


@pytest.fixture
def managed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Chromium that sees a policy which no other program on this machine does."""
    chromium = shutil.which("chromium")
    if chromium is None or not SETTINGS.is_dir():
        pytest.skip(f"Chromium with {SETTINGS} is not installed")
    trial = ["unshare", "-Urm", "sh", "-c", f"mount -t tmpfs none {SETTINGS}"]
    if shutil.which("unshare") is None or subprocess.run(trial, capture_output=True).returncode:
        pytest.skip("this user may not mount: no policy can be shown to one browser alone")
    policy = tmp_path / "copilot.json"
    ours = {"extensions": {EXTENSION.removeprefix("chrome-extension://"): POLICY}}
    policy.write_text(json.dumps({"3rdparty": ours}))
    folder = tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "chromium"
    wrapper.write_text(WRAPPER.format(settings=SETTINGS, policy=policy, chromium=chromium))
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


async def test_what_the_organisation_sets_cannot_be_changed(managed: None) -> None:
    async with with_extension(FOLDER) as extension:
        user = {"name": "Mara", "team": "Letters"}
        kept = {"server": "https://copilot.acme.example", "refresh": "x", "user": user}
        prefs = {"consent": "ask", "customers": ["https://phone.acme.example/mine/:customer"]}
        await extension.save("local", "prefs", prefs)
        options = await extension.page("options/options.html")
        server = options.get_by_label("Address of your copilot")
        await expect(server).to_have_value("https://copilot.acme.example")
        await expect(server).not_to_be_editable()
        await expect(options.get_by_text("Set by your organisation.")).to_be_visible()
        await expect(options.get_by_label("Callers are told before they reach me")).to_be_checked()
        await expect(options.get_by_label("I ask in each call")).to_be_disabled()
        await expect(options.locator("#rules code")).to_have_text(POLICY["customers"])
        await expect(options.locator("#rules li")).to_contain_text("Set by your organisation")
        field = options.get_by_label("Address with the customer’s id")
        await field.fill("https://phone.acme.example/other/:customer")
        await field.press("Enter")
        said = "Your organisation has set the address for this site."
        await expect(options.locator("#rule-trouble")).to_have_text(said)

        await extension.save("local", "account", kept)
        await options.reload()
        await expect(options.get_by_text("wants you in another team")).to_be_visible()
        elsewhere = {**kept, "server": "https://other.example"}
        await extension.save("local", "account", elsewhere)
        await options.reload()
        await expect(server).to_be_visible()
