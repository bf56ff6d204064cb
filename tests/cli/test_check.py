"""``copilot packs check``: what authors are told, wide and narrow."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from copilot.cli import main
from copilot.ports import Embedder
from tests.documents import letter, pack, workbook

NOTES = """---
title: Notes
---

## How long does a refund take?

Refunds are made within 14 days.

## Are dogs allowed?

Yes, dogs are welcome.
"""


@pytest.fixture
def knowledge(tmp_path: Path) -> Path:
    """A folder with a pack at odds with itself."""
    folder = tmp_path / "knowledge"
    shop = pack(folder)
    (shop / "notes.md").write_text(NOTES)
    rows = [["Question", "Answer"], ["How long do refunds take?", "The refund takes 30 days."]]
    workbook(shop / "list.xlsx", {"FAQ": [*rows, ["Are dogs allowed here?", "Dogs are welcome."]]})
    (tmp_path / "copilot.toml").write_text(f"[knowledge]\npath = '{folder}'\n")
    return folder


def check(knowledge: Path, cache: Path, *words: str, width: int = 100) -> Result:
    config = str(knowledge.parent / "copilot.toml")
    given = ["--config", config, "--data", str(cache), "packs", "check", *words]
    return CliRunner(env={"COLUMNS": str(width)}).invoke(main, given)


@pytest.fixture(scope="session")
def data(
    embedder: Embedder, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A data folder in which the embedder's export is there already."""
    cache = request.config.cache
    assert cache is not None
    folder = tmp_path_factory.mktemp("data")
    (folder / "cache").symlink_to(cache.mkdir("embedder"))
    return folder


@pytest.mark.parametrize("width", [60, 120])
def test_conflicts_are_advice(knowledge: Path, data: Path, width: int) -> None:
    result = check(knowledge, data, width=width)
    assert result.exit_code == 0, result.output
    lines = [line.rstrip() for line in result.output.splitlines()]
    assert lines[0] == "1 contradiction"
    assert "    day: 30 against 14" in lines
    assert "1 duplicate" in lines
    assert "    shop/notes#are-dogs-allowed" in lines
    assert max(map(len, lines)) <= width


def test_a_fault_fails(knowledge: Path, data: Path) -> None:
    letter(pack(knowledge, "other") / "locked.pdf", ["x"], "secret")
    result = check(knowledge, data)
    assert result.exit_code == 1
    assert result.output.startswith("1 fault\n  other/locked.pdf\n    is encrypted")
    assert "→ save it without one" in result.output
    assert check(knowledge, data, "shop").exit_code == 0
    assert "no such pack" in check(knowledge, data, "ship").output


def test_the_figures(knowledge: Path, data: Path) -> None:
    result = check(knowledge, data, "--json", "-")
    figures = json.loads(result.stdout)
    assert list(figures["packs"].values()) == [4]
    assert figures["faults"] == []
    assert [c["kind"] for c in figures["conflicts"]] == ["contradiction", "duplicate"]


def test_nothing_to_mend(knowledge: Path, data: Path) -> None:
    (knowledge / "shop" / "list.xlsx").unlink()
    assert "nothing to mend" in check(knowledge, data).output
