"""DOCX: headings, questions, lists and tables, and archives that are not what they seem."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest

from copilot.retrieval.packs import load_packs, read_packs
from tests.documents import bomb, chapter, pack, word, workbook


def test_headings_questions_lists_and_tables(tmp_path: Path) -> None:
    file = pack(tmp_path) / "guide.docx"
    parts = [
        ("Title", "The guide"),
        ("Heading 1", "2.1 Returns"),
        ("Normal", "Bring it back."),
        ("Heading 2", "How long do I have?"),
        ("Normal", "30 days."),
        ("List Bullet", "With a receipt"),
        ("bold", "Can I swap it?"),
        ("Normal", "Yes."),
        ("bold", "Gift cards"),
        ("Normal", "They last for two years."),
        ("Normal", "Who may use them?"),
        ("Normal", "Anybody."),
        ("Heading 1", "Lists"),
    ]
    document = docx.Document(str(word(file, parts)))
    for rows in (
        [("Question", "Answer"), ("Is it free?", "It is.")],
        [("2 kg", "5"), ("5 kg", "9")],
    ):
        table = document.add_table(0, 2)
        for row in rows:
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
    document.save(str(file))
    (found,) = load_packs(tmp_path)
    assert [(p.id.partition("#")[2], p.title, p.text) for p in found.passages] == [
        ("returns", "Returns", "Bring it back."),
        ("how-long-do-i-have", "How long do I have?", "30 days.\n- With a receipt"),
        ("can-i-swap-it", "Can I swap it?", "Yes."),
        ("gift-cards", "Returns › How long do I have? › Gift cards", "They last for two years."),
        ("who-may-use-them", "Who may use them?", "Anybody."),
        ("is-it-free", "Is it free?", "It is.\n- 2 kg: 5\n- 5 kg: 9"),
    ]


def test_words_in_content_controls_and_insertions_are_read(tmp_path: Path) -> None:
    """Both are passed over by the library's own text; what was deleted must stay out."""
    file = word(pack(tmp_path) / "guide.docx", [("Heading 1", "Pets"), ("Normal", "HERE")])
    run = "<w:r><w:t xml:space='preserve'>{}</w:t></w:r>"
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    xml = parts["word/document.xml"].decode()
    inside = (
        "<w:ins w:id='1' w:author='a'>" + run.format("Dogs ") + "</w:ins>"
        "<w:del w:id='2' w:author='a'><w:r><w:delText>Cats </w:delText></w:r></w:del>"
        + run.format("may stay.")
    )
    xml = xml.replace("<w:r><w:t>HERE</w:t></w:r>", inside)
    control = (
        "<w:sdt><w:sdtContent><w:p>" + run.format("Ask first.") + "</w:p></w:sdtContent></w:sdt>"
    )
    parts["word/document.xml"] = xml.replace("<w:sectPr", control + "<w:sectPr", 1).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    (found,) = load_packs(tmp_path)
    assert found.passages[0].text == "Dogs may stay.\nAsk first."


def entities(file: Path) -> None:
    """A document type with the entities of a billion laughs."""
    word(file, [("Normal", "x")])
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    head, _, rest = parts["word/document.xml"].partition(b"?>")
    parts["word/document.xml"] = head + b'?><!DOCTYPE w [<!ENTITY a "aaaa">]>' + rest
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def broken(file: Path) -> None:
    word(file, [("Normal", chapter("it", 50))])
    raw = bytearray(file.read_bytes())
    raw[3000:3400] = bytes(400)
    file.write_bytes(raw)


def another(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "hello")


FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "bomb": ("a.docx", lambda f: bomb(f, "word/document.xml", 300 * 2**20), "300 MiB, over"),
    "small bomb": ("a.docx", lambda f: bomb(f, "word/document.xml", 20 * 2**20), "zip bomb"),
    "bomb of cells": ("a.xlsx", lambda f: bomb(f, "xl/workbook.xml", 20 * 2**20), "zip bomb"),
    "entities": ("a.docx", entities, "declares entities"),
    "no archive": ("a.docx", lambda f: f.write_text("hello"), "damaged or no DOCX"),
    "cut archive": ("a.xlsx", lambda f: f.write_bytes(b"PK\3\4" + os.urandom(99)), "no XLSX"),
    "broken": ("a.docx", broken, "damaged or no DOCX"),
    "another archive": ("a.docx", another, "damaged or no DOCX"),
    "another archive, too": ("a.xlsx", another, "damaged or no XLSX"),
    "encrypted": ("a.docx", lambda f: f.write_bytes(b"\xd0\xcf\x11\xe0" + bytes(99)), "encrypted"),
    "no words": ("a.docx", lambda f: word(f, []), "holds no text"),
    "empty": ("a.docx", lambda f: f.touch(), "is empty"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_used(tmp_path: Path, fault: str) -> None:
    name, make, problem = FAULTS[fault]
    file = pack(tmp_path) / name
    make(file)
    workbook(file.with_name("good.xlsx"), {"FAQ": [["q", "a"], ["Who?", "You."]]})
    reading = read_packs(tmp_path)
    assert reading.packs == ()
    (found,) = reading.faults
    assert found.file == str(file)
    assert problem in found.problem
    assert found.remedy
