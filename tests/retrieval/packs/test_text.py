"""Plain text as a pack's file: headings and questions as people mark them."""

from pathlib import Path

import pytest

from copilot.retrieval.packs import load_packs, read_packs
from tests.documents import pack


def titles(tmp_path: Path, text: str) -> list[str]:
    (pack(tmp_path) / "shop.txt").write_text(text)
    (found,) = load_packs(tmp_path)
    return [passage.title for passage in found.passages]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("OPENING HOURS\n\nFrom nine to six.", "OPENING HOURS"),
        ("Opening hours\n=============\n\nFrom nine to six.", "Opening hours"),
        ("# Opening hours\n\nFrom nine to six.", "Opening hours"),
        ("2.1 Opening hours\n\nFrom nine to six.", "Opening hours"),
        ("Q: When do you open?\nA: At nine.", "When do you open?"),
        ("When do you open?\n\nAt nine.", "When do you open?"),
        ("When do you open?\nAt nine.", "shop › When do you open? At nine."),
    ],
)
def test_headings_and_questions(tmp_path: Path, text: str, title: str) -> None:
    assert titles(tmp_path, text) == [title]


def test_text_without_any_heading_is_kept(tmp_path: Path) -> None:
    assert titles(tmp_path, "We open at nine every day.\n\nParking is free.") == [
        "shop › We open at nine every day. Parking is …"
    ]


def test_what_is_no_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    (pack(tmp_path) / "shop.txt").write_bytes(b"HOURS\n\nFrom nine \xff\n")
    (fault,) = read_packs(tmp_path).faults
    assert (fault.line, fault.remedy) == (3, "save the file in UTF-8")
