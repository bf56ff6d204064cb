"""What is shipped: a manifest that Chromium accepts, a strict policy, the same zip every time."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from copilot.bench.chromium import Extension
from tests.extension.conftest import FOLDER
from tests.extension.server import EXTENSION

SCRIPTS = [one for one in FOLDER.rglob("*.js") if "node_modules" not in one.parts]
SHIPPED = [one for one in SCRIPTS if one.name != "eslint.config.js"]


def pack(folder: Path) -> Path:
    command = [sys.executable, str(FOLDER / "pack.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())


def test_the_zip_is_the_same_twice_and_holds_what_it_needs(tmp_path: Path) -> None:
    first, second = pack(tmp_path / "a"), pack(tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as packed:
        names = set(packed.namelist())
        manifest = json.loads(packed.read("manifest.json"))
    assert "key" not in manifest, "the store gives its own"
    assert not any("node_modules" in name or name.endswith(".py") for name in names)
    assert {"tsconfig.json", "package.json", "eslint.config.js"}.isdisjoint(names)
    wanted = {one.relative_to(FOLDER).as_posix() for one in SHIPPED}
    assert wanted <= names
    pages = (name for name in names if name.endswith(".html"))
    for page in pages:
        text = (FOLDER / page).read_text(encoding="utf-8")
        for source in re.findall(r'(?:src|href)="([^"#:]+)"', text):
            path = (FOLDER / page).parent.joinpath(source).resolve().relative_to(FOLDER)
            assert path.as_posix() in names, f"{page} wants {source}"


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    for page in FOLDER.glob("*/*.html"):
        text = page.read_text(encoding="utf-8")
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text)), page
        assert "<style" not in text
        assert not re.search(r"\son\w+=", text), page
        assert not re.search(r'(?:src|href)="https?:', text), page
    for script in SHIPPED:
        text = script.read_text(encoding="utf-8")
        assert not re.search(r"\beval\(|new Function|importScripts|innerHTML", text), script
    policy = json.loads((FOLDER / "manifest.json").read_text())["content_security_policy"]
    assert policy["extension_pages"].startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy["extension_pages"]


def test_nothing_of_private_windows_is_kept() -> None:
    """Where the cards stand is kept for each site: a private window's sites are not to be."""
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert manifest["incognito"] == "not_allowed"


def test_one_file_touches_the_browser() -> None:
    touching = {one.name for one in SHIPPED if re.search(r"\bchrome\.\w", _code(one))}
    assert touching == {"ext.js"}


@pytest.mark.parametrize("language", ["", ".de", ".es", ".fr"])
def test_each_permission_has_its_reason(language: str) -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    text = (FOLDER / "privacy" / f"permissions{language}.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]
    assert sorted(named) == sorted([*manifest["permissions"], *manifest["host_permissions"]])
    assert all(len(row.split("|")[2].split()) > 4 for row in rows)
    assert len(rows) == len(manifest["permissions"]) + 2, "own machine, and optional sites"


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_chromium_finds_no_fault_in_the_manifest(fresh: Extension) -> None:
    assert f"chrome-extension://{fresh.id}" == EXTENSION
    page = await fresh.context.new_page()
    await page.goto("chrome://extensions")
    script = """async (id) => {
      const api = chrome.developerPrivate;
      await api.updateProfileConfiguration({ inDeveloperMode: true });
      await api.updateExtensionConfiguration({ extensionId: id, errorCollection: true });
      const [found] = (await api.getExtensionsInfo()).filter((one) => one.id === id);
      const keys = found.commands.map((one) => one.keybinding);
      return [found.manifestErrors, found.runtimeErrors, keys];
    }"""
    manifest, runtime, keys = await page.evaluate(script, fresh.id)
    assert (manifest, runtime) == ([], [])
    assert len([key for key in keys if key]) == 4, f"a suggested key was not taken: {keys}"
    await page.close()


def _code(script: Path) -> str:
    """Without comments, in which types are named."""
    text = script.read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.DOTALL)
