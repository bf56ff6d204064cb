"""Which files of a pack are read, which are passed over, and which are refused."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot.retrieval.packs import LIMITS, load_packs, read_packs
from tests.documents import manual, pack, word

QUESTION = "---\ntitle: Opening\n---\n\n## When?\n\nNow.\n"


def test_assets_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    folder = pack(tmp_path)
    (folder / "hours.md").write_text(QUESTION)
    for name in ("logo.PNG", "site.js", "font.woff2", ".notes.txt", "~$guide.docx", "LICENSE"):
        (folder / name).write_bytes(b"x")
    (folder / ".git").mkdir()
    (folder / ".git" / "page.html").write_text("<p>words</p>")
    (found,) = load_packs(tmp_path)
    assert [p.id for p in found.passages] == ["shop/hours#when"]


def test_kinds_stand_side_by_side(tmp_path: Path) -> None:
    folder = pack(tmp_path)
    (folder / "hours.md").write_text(QUESTION)
    (folder / "hours.html").write_text("<h1>When?</h1><p>Now.</p>")
    (folder / "hours.csv").write_text("q,a\nWhen?,Now.\n")
    (found,) = load_packs(tmp_path)
    ids = [p.id for p in found.passages]
    assert ids == ["shop/hours.csv#when", "shop/hours.html#when", "shop/hours#when"]
    assert load_packs(tmp_path) == (found,)


REFUSED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "old office file": ("a.doc", lambda f: f.write_text("x"), "not read (.doc)"),
    "rich text": ("a.rtf", lambda f: f.write_text("x"), "not read (.rtf)"),
    "no ending": ("words", lambda f: f.write_text("x"), "not read (no ending)"),
    "link out": ("a.md", lambda f: f.symlink_to(__file__), "leads out of the pack"),
    "folder out": ("more", lambda f: f.symlink_to(Path(__file__).parent), "leads out"),
    "broken link": ("a.md", lambda f: f.symlink_to(f.parent / "gone"), "link to nothing"),
    "link to itself": ("a.md", lambda f: f.symlink_to(f), "link to nothing"),
    "pipe": ("a.html", os.mkfifo, "no ordinary file"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_not_stand_in_a_pack(tmp_path: Path, case: str) -> None:
    name, make, problem = REFUSED[case]
    folder = pack(tmp_path)
    (folder / "hours.md").write_text(QUESTION)
    make(folder / name)
    reading = read_packs(tmp_path)
    assert reading.packs == ()
    (fault,) = reading.faults
    assert fault.file == str(folder / name)
    assert problem in fault.problem
    assert fault.remedy


def test_a_link_inside_the_pack_is_followed(tmp_path: Path) -> None:
    folder = pack(tmp_path)
    (folder / ".data").mkdir()
    (folder / ".data" / "hours.md").write_text(QUESTION)
    (folder / "hours.md").symlink_to(folder / ".data" / "hours.md")
    assert [p.id for p in load_packs(tmp_path)[0].passages] == ["shop/hours#when"]


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_each_kind_has_its_limit(tmp_path: Path, kind: str) -> None:
    with (pack(tmp_path) / f"large{kind}").open("wb") as file:
        file.truncate(LIMITS[kind] + 1)
    (fault,) = read_packs(tmp_path).faults
    assert "is over the limit of" in fault.problem


def test_one_bad_document_keeps_the_pack_out_and_no_other(tmp_path: Path) -> None:
    good, bad = pack(tmp_path, "good"), pack(tmp_path, "bad")
    for folder in (good, bad):
        word(folder / "guide.docx", [("Heading 1", "When?"), ("Normal", "Now.")])
    manual(bad / "desk.pdf", [("Heading1", "Where?"), ("Normal", "Here.")])
    (bad / "cut.pdf").write_bytes((bad / "desk.pdf").read_bytes()[:900])
    reading = read_packs(tmp_path)
    assert [found.name for found in reading.packs] == ["good"]
    assert [Path(fault.file).name for fault in reading.faults] == ["cut.pdf"]
