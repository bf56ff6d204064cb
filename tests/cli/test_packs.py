"""The commands about packs, as an admin types them; wide and on a narrow terminal."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from copilot.cli import main
from tests.retrieval.shop import FILE, shop

Command = Callable[..., str]


@pytest.fixture
def packs(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs ``copilot packs …`` on a shop of its own and gives what it prints, in one line."""
    monkeypatch.setenv("COPILOT_DATA", str(data))
    monkeypatch.setenv("COPILOT_KNOWLEDGE__PATH", str(shop(tmp_path)))
    monkeypatch.setenv("COLUMNS", "60")

    def run(*words: str, status: int = 0) -> str:
        result = CliRunner().invoke(main, ["packs", *words])
        assert result.exit_code == status, result.output
        assert all(len(line) <= 60 for line in result.stdout.splitlines())
        return " ".join(result.output.split())

    return run


def test_before_anything_is_published(packs: Command, tmp_path: Path) -> None:
    assert "shop never new" in packs("list")
    for words in (["versions", "shop"], ["diff", "shop"], ["rollback", "shop"], ["retire", "shop"]):
        said = packs(*words, status=2)
        assert "pack 'shop' was never published; begin with `copilot packs publish`" in said
    shutil.rmtree(tmp_path / "knowledge" / "shop")
    assert packs("list").endswith("knowledge holds no pack, and nothing is published.")


def test_from_one_version_to_the_next_and_back(packs: Command, tmp_path: Path) -> None:
    assert packs("publish").endswith("A shop, 1 passages, published")
    assert packs("publish", "shop").endswith("up to date")
    first = packs("versions", "shop").split(" > ")[1].split()[0]
    assert packs("diff", "shop").endswith(f"shop {first} (draft) say the same.")
    shop(tmp_path, "On [red]Sundays[/] too.\n\n## Is there parking?\n\nBehind the house.\n")
    assert packs("list").endswith("1 differs")
    said = packs("diff", "shop")
    assert "+ shop/hours#is-there-parking Is there parking? ~ shop/hours#when-are-you-open" in said
    assert "- text: From nine. Until five. + text: From nine. Until five. On [red]Sund" in said
    assert said.endswith("(draft): 1 added, 0 removed, 1 changed")
    packs("publish", "shop")
    assert packs("list").endswith("2 same")
    assert "1 removed, 1 changed" in packs("diff", "shop", "published", first[:5])
    assert packs("rollback", "shop").startswith(f"new calls get shop@{first}: A shop")
    assert "rolled back" in packs("versions", "shop").split(" > ")[1]
    assert "is the first version that stands" in packs("rollback", "shop", status=2)
    assert "is published already" in packs("rollback", "shop", first, status=2)


def test_retired_and_back(packs: Command) -> None:
    packs("publish")
    said = packs("retire", "shop")
    assert said.startswith("new calls get shop no more; `copilot packs rollback shop ")
    assert "shop retired" in packs("list")
    assert ">" not in packs("versions", "shop")
    assert "name the version" in packs("diff", "shop", status=2)
    assert "is retired already" in packs("retire", "shop", status=2)
    assert packs("publish").endswith("published")


def test_a_faulty_draft(packs: Command, tmp_path: Path) -> None:
    packs("publish")
    (tmp_path / "knowledge" / "shop" / "hours.md").write_text(FILE + "\n## When are you open\n\nx")
    assert packs("list").endswith("1 faulty")
    for words in (["diff", "shop"], ["publish"]):
        assert "duplicate heading" in packs(*words, status=2)
    shutil.rmtree(tmp_path / "knowledge" / "shop")
    assert packs("list").endswith("1 gone")
    assert "'shop' has no folder" in packs("diff", "shop", status=2)
    assert "no such pack" in packs("publish", "shop", status=2)


def test_mistakes(packs: Command) -> None:
    packs("publish")
    assert "'bank' was never published; there are shop" in packs("versions", "bank", status=2)
    assert "shop has no version 'zzz'" in packs("diff", "shop", "zzz", status=2)
    assert "shop has no version 'zzz'" in packs("rollback", "shop", "zzz", status=2)
