"""The reader process: a file over which it hangs, swells or dies costs that file alone."""

import subprocess
from pathlib import Path

import pytest

from copilot.retrieval.packs import load_packs
from copilot.retrieval.packs.blocks import Document, Refused
from copilot.retrieval.packs.reader import Reader
from tests.documents import chapter, manual, word


def guide(folder: Path) -> Path:
    return word(folder / "guide.docx", [("Heading 1", "When?"), ("Normal", "Now.")])


def test_a_file_that_takes_too_long(tmp_path: Path) -> None:
    with Reader(seconds=0.01) as reader:
        found = reader.read(guide(tmp_path))
    assert isinstance(found, Refused)
    assert found.problem == "took longer than 0.01 s to read"


def test_a_file_that_takes_too_much_memory(tmp_path: Path) -> None:
    parts = [("Normal", chapter(str(n), 20)) for n in range(2000)]
    big = manual(tmp_path / "big.pdf", parts)
    with Reader(memory=48 * 2**20) as reader:
        found = reader.read(big)
    assert isinstance(found, Refused)
    assert "memory" in found.problem


def test_the_next_file_is_read_as_if_nothing_had_been(tmp_path: Path) -> None:
    dead = tmp_path / "dead.xlsx"
    with Reader() as reader:
        assert isinstance(reader.read(guide(tmp_path)), Document)
        for _ in range(2):
            dead.write_bytes(guide(tmp_path).read_bytes())  # a DOCX under a false name
            refused = reader.read(dead)
            assert isinstance(refused, Refused)
            assert refused.problem.startswith("is damaged or no XLSX")
            assert isinstance(reader.read(guide(tmp_path)), Document)


def test_no_process_for_packs_without_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(subprocess, "Popen")
    assert load_packs(Path(__file__).resolve().parents[3] / "knowledge")
