"""Question lists: the columns that count, and each row's fault with its line."""

import datetime
from pathlib import Path

import pytest

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs import load_packs, read_packs
from tests.documents import pack, workbook

HEAD = "question,answer\n"


def passages(folder: Path) -> tuple[Passage, ...]:
    (found,) = load_packs(folder)
    return found.passages


def test_a_row_becomes_a_passage(tmp_path: Path) -> None:
    text = (
        "Valid until,Answer,No.,QUESTION,Say,Product,Priority\n"
        '2026-12-31,"Two lines\nof answer.",7,Where is it?,Over there.,Parcel Plus,70\n'
        ",\n"
        ",Here.,8,Where is it?,,\n"
    )
    (pack(tmp_path) / "list.csv").write_text(text, encoding="utf-8-sig")
    assert passages(tmp_path) == (
        Passage(
            "shop/list.csv#where-is-it.parcel-plus",
            "Where is it?",
            "Two lines\nof answer.",
            "Over there.",
            0,
            "Parcel Plus",
            "2026-12-31",
            70,
        ),
        Passage("shop/list.csv#where-is-it", "Where is it?", "Here.", "", 0),
    )


@pytest.mark.parametrize(
    "text",
    [
        "question,answer\nWho?,You; or me\n",
        "question;answer\r\nWho?;You; or me\r\n".replace("You; or me", '"You; or me"'),
        "question\tanswer\nWho?\tYou; or me\n",
        "sep=|\nquestion|answer\nWho?|You; or me\n",
        "\n\nQ,A\nWho?,You; or me\n",
    ],
)
def test_any_separator_will_do(tmp_path: Path, text: str) -> None:
    (pack(tmp_path) / "list.csv").write_text(text, newline="")
    (passage,) = passages(tmp_path)
    assert (passage.title, passage.text) == ("Who?", "You; or me")


FAULTS: dict[str, tuple[str | bytes, int, str]] = {
    "no columns": ("Frage;Antwort;Preis\na;b;c\n", 1, "no column question and no column answer"),
    "names what it has": ("Frage;Antwort;Preis\na;b;c\n", 1, "it has Frage, Antwort, Preis"),
    "one column": ("question,price\na,b\n", 1, "no column answer; it has question, price"),
    "no answer": (HEAD + "Why?,\n", 2, "no answer"),
    "no question": (HEAD + "\nWhy?,so\n,so\n", 4, "no words"),
    "asked again": (HEAD + "Why?,so\nwhy,no\n", 3, "asks 'why' again, as row 2"),
    "say too long": ("question,answer,say\nWhy?,so," + "so " * 26, 2, "26 words"),
    "no day": ("question,answer,expires\nWhy?,so,31.12.2026\n", 2, "'31.12.2026' is no day"),
    "priority a text": ("question,answer,priority\nWhy?,so,high\n", 2, "priority = 'high' is no"),
    "priority over 100": ("question,answer,priority\nWhy?,so,1000\n", 2, "'1000' is no whole"),
    "quote not closed": (HEAD + 'Why?,so\nWho?,"me\nWhen?,now\n', 3, "parted into cells"),
    "not UTF-8": (HEAD.encode() + "Café?,ö\n".encode("latin-1"), 2, "0xe9 is not UTF-8"),
    "only a head": (HEAD, 0, "no questions"),
    "empty": ("", 0, "is empty"),
    "spaces": ("\n \n", 0, "is empty"),
    "sep of nothing": ("sep=\n" + HEAD + "Why?,so\n", 1, "names no separator"),
    "formula failed": (HEAD + "Why?,#REF!\n", 2, "answer is #REF!"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_the_row(tmp_path: Path, fault: str) -> None:
    text, line, problem = FAULTS[fault]
    file = pack(tmp_path) / "list.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    reading = read_packs(tmp_path)
    assert reading.packs == ()
    (found,) = reading.faults
    assert (found.file, found.line) == (str(file), line)
    assert problem in found.problem
    assert found.remedy


def test_the_sheets_of_a_workbook_are_question_lists(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        [],
        ["Question", "Answer", "Valid until", "Entity", "Priority"],
        ["How many?", 5, datetime.date(2026, 12, 31), None, 50.0],
        [],
        ["How heavy?", 2.5, "", "Parcel Plus", None],
    ]
    file = pack(tmp_path) / "list.xlsx"
    workbook(file, {"FAQ": rows, "More": [["q", "a"], ["Who?", "You."]], "Empty": []})
    found = passages(tmp_path)
    assert [(p.id, p.text, p.valid_until, p.entity, p.priority) for p in found] == [
        ("shop/list.xlsx#how-many", "5", "2026-12-31", "", 50),
        ("shop/list.xlsx#how-heavy.parcel-plus", "2.5", "", "Parcel Plus", 0),
        ("shop/list.xlsx#who", "You.", "", "", 0),
    ]


def test_a_sheet_that_is_no_list_is_named(tmp_path: Path) -> None:
    sheets: dict[str, list[list[object]]] = {
        "FAQ": [["q", "a"], ["Who?", "You."]],
        "Prices": [[], ["item", "price"], ["x", 1]],
    }
    file = workbook(pack(tmp_path) / "list.xlsx", sheets)
    (fault,) = read_packs(tmp_path).faults
    assert (fault.file, fault.line) == (str(file), 2)
    assert fault.problem.startswith("sheet 'Prices': has no column question")
    assert "hide the sheet" in fault.remedy


def test_an_empty_workbook(tmp_path: Path) -> None:
    workbook(pack(tmp_path) / "list.xlsx", {"FAQ": []})
    (fault,) = read_packs(tmp_path).faults
    assert fault.problem == "is empty"
