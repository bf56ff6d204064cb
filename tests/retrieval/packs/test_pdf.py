"""PDF: a whole manual cut at its headings, and those that have no words to give."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from reportlab.pdfgen.canvas import Canvas

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs import load_packs, read_packs
from copilot.retrieval.packs.sections import section_of
from tests.documents import chapter, letter, manual, pack, scan

CHAPTERS = 300


def book() -> list[tuple[str, str]]:
    """A page a chapter: an overview, a question, and a section of two long paragraphs."""
    parts = []
    for n in range(1, CHAPTERS + 1):
        parts += [
            ("Heading1", f"{n}. Counter {n}"),
            ("Normal", chapter(f"the overview of {n}", 4)),
            ("Heading2", f"How do I close counter {n}?"),
            ("Normal", chapter(f"closing {n}", 8)),
            ("Heading2", "Keys"),
            ("Normal", chapter(f"the first key of {n}", 8)),
            ("Normal", chapter(f"the second key of {n}", 8)),
        ]
    return parts


def passages(folder: Path) -> tuple[Passage, ...]:
    (found,) = load_packs(folder)
    return found.passages


@pytest.mark.parametrize("bookmarks", [False, True])
def test_a_manual_of_300_pages(tmp_path: Path, bookmarks: bool) -> None:
    manual(pack(tmp_path) / "desk.pdf", book(), bookmarks=bookmarks, break_pages=True)
    found = passages(tmp_path)
    assert len({p.id for p in found}) == len(found) == 4 * CHAPTERS
    first = [(p.id, p.title) for p in found[:4]]
    assert first == [
        ("shop/desk.pdf#counter-1", "Counter 1"),
        ("shop/desk.pdf#how-do-i-close-counter-1", "How do I close counter 1?"),
        ("shop/desk.pdf#keys", "Counter 1 › Keys"),
        ("shop/desk.pdf#keys.2", "Counter 1 › Keys"),
    ]
    assert found[0].text == chapter("the overview of 1", 4)
    assert found[-1].text == chapter(f"the second key of {CHAPTERS}", 8)
    assert found[-1].id == f"shop/desk.pdf#keys-{CHAPTERS}.2"
    assert not any("edition" in p.text or "Page" in p.text for p in found)


def test_an_edit_moves_only_its_own_section(tmp_path: Path) -> None:
    parts = book()[:70]
    file = pack(tmp_path) / "desk.pdf"
    manual(file, parts)
    before = {p.id: p for p in passages(tmp_path)}
    parts[5] = ("Normal", chapter("the key ring", 40))
    manual(file, parts)
    after = {p.id: p for p in passages(tmp_path)}
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert {section_of(name) for name in changed} == {"shop/desk.pdf#keys"}
    assert len(after) > len(before)


def test_questions_without_headings(tmp_path: Path) -> None:
    lines = [
        "Q: How do I return it?",
        "A: Bring it to the desk. We refund the",
        "price in 14 days.",
    ]
    letter(pack(tmp_path) / "faq.pdf", [*lines, "", "Q: Who pays?", "A: We do."])
    assert [(p.title, p.text) for p in passages(tmp_path)] == [
        ("How do I return it?", "Bring it to the desk. We refund the price in 14 days."),
        ("Who pays?", "We do."),
    ]


def test_prose_without_headings_is_named_by_its_page_and_first_words(tmp_path: Path) -> None:
    lines = [f"Line {n} tells of thing {n} and ends here." for n in range(40)]
    letter(pack(tmp_path) / "plain_text.pdf", lines)
    found = passages(tmp_path)
    assert [p.id for p in found] == [
        "shop/plain_text.pdf#page-1",
        "shop/plain_text.pdf#page-1.2",
    ]
    assert found[0].title == "plain text › Line 0 tells of thing 0 and ends …"


def test_a_table_of_contents_is_no_knowledge(tmp_path: Path) -> None:
    leaders = [("Normal", f"Chapter {n} {'. ' * 30} {n}") for n in range(9)]
    parts = [("Heading1", "Contents"), *leaders, ("Heading1", "Pets"), ("Normal", "Dogs may stay.")]
    manual(pack(tmp_path) / "desk.pdf", parts)
    assert [(p.title, p.text) for p in passages(tmp_path)] == [("Pets", "Dogs may stay.")]


def test_a_heading_at_the_top_of_each_page_is_no_running_head(tmp_path: Path) -> None:
    canvas = Canvas(str(pack(tmp_path) / "desk.pdf"))
    for n in range(1, 7):
        canvas.setFont("Helvetica", 20)
        canvas.drawString(72, 760, f"Chapter {n}")
        canvas.setFont("Helvetica", 10)
        for line in range(6):
            canvas.drawString(72, 650 - 12 * line, f"Sentence {line} of page {n} stands here.")
        canvas.drawString(280, 20, f"{n} of 6")
        canvas.showPage()
    canvas.save()
    found = passages(tmp_path)
    assert [p.title for p in found] == [f"Chapter {n}" for n in range(1, 7)]
    assert not any("of 6" in p.text for p in found)


def test_a_file_that_opens_without_its_owners_password(tmp_path: Path) -> None:
    letter(pack(tmp_path) / "open.pdf", ["Printing is not allowed here."], owner="secret")
    assert passages(tmp_path)[0].text == "Printing is not allowed here."


def cut_off(file: Path) -> None:
    manual(file, book()[:20])
    file.write_bytes(file.read_bytes()[:2000])


def swelling(file: Path) -> None:
    """A gigabyte of blanks in two kilobytes."""
    packed = zlib.compressobj(9)
    once = b"".join(packed.compress(b" " * 2**24) for _ in range(64)) + packed.flush()
    data = zlib.compress(once, 9)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R>>",
        b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n%s\nendstream" % (len(data), data),
    ]
    body = b"%PDF-1.4\n"
    for n, item in enumerate(objects, start=1):
        body += b"%d 0 obj\n%s\nendobj\n" % (n, item)
    file.write_bytes(body + b"trailer<</Size 5/Root 1 0 R>>\n%%EOF")


FAULTS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "encrypted": (lambda f: letter(f, ["x"], "secret"), "encrypted with a password", "without one"),
    "scanned": (scan, "no text layer", "OCR"),
    "mostly scanned": (lambda f: scan(f, 5, 1), "mostly a scan: page 2 and 3 more", "OCR"),
    "cut off": (cut_off, "damaged or no PDF", "anew"),
    "no PDF": (lambda f: f.write_text("hello"), "damaged or no PDF", "anew"),
    "empty": (lambda f: f.touch(), "is empty", "remove it"),
    "a bomb": (swelling, "", "OCR|anew"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_used(tmp_path: Path, fault: str) -> None:
    make, problem, remedy = FAULTS[fault]
    file = pack(tmp_path) / "desk.pdf"
    make(file)
    reading = read_packs(tmp_path)
    assert reading.packs == ()
    (found,) = reading.faults
    assert found.file == str(file)
    assert problem in found.problem
    assert any(word in found.remedy for word in remedy.split("|"))
