"""Markdown packs: what is read, and every fault with its file, line and remedy."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs import MAX_FILE_BYTES, PackFaults, load_packs, read_packs

ABOUT = 'name = "shop"\ntitle = "A shop"\n'
FRONT = "---\ntitle: Opening\nupdated: 2026-01-02\ntags: [hours]\n---\n"
QUESTION = "\n## When are you open?\n\nsay: From nine to five.\n\nWe are open from nine.\n"


def write(folder: Path, text: str | bytes = FRONT + QUESTION, about: str | None = ABOUT) -> Path:
    """A knowledge folder with one pack of one file."""
    pack = folder / "shop"
    pack.mkdir(exist_ok=True)
    if about is not None:
        (pack / "pack.toml").write_text(about, encoding="utf-8")
    (pack / "hours.md").write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def test_a_section_becomes_a_passage(tmp_path: Path) -> None:
    (pack,) = load_packs(write(tmp_path))
    passage = Passage(
        "shop/hours#when-are-you-open",
        "When are you open?",
        "We are open from nine.",
        "From nine to five.",
        0,
    )
    assert pack.passages == (passage,)
    assert (pack.name, pack.title, pack.language) == ("shop", "A shop", "en")
    assert pack.ref == f"shop@{pack.version}"
    assert len(pack.version) == 8


def test_markup_leaves_its_words(tmp_path: Path) -> None:
    answer = (
        "\n## Which days?\n\nOn **weekdays**, see [the list](x.html):\n\n- Monday\n- `Tuesday`\n"
    )
    (pack,) = load_packs(write(tmp_path, FRONT + answer))
    assert pack.passages[0].text == "On weekdays, see the list:\n- Monday\n- Tuesday"
    assert pack.passages[0].say == ""


def test_a_heading_inside_code_is_no_question(tmp_path: Path) -> None:
    (pack,) = load_packs(write(tmp_path, FRONT + QUESTION + "\n```\n## Not a question\n```\n"))
    assert len(pack.passages) == 1


def test_the_version_follows_what_can_be_found(tmp_path: Path) -> None:
    (first,) = load_packs(write(tmp_path))
    (same,) = load_packs(write(tmp_path, (FRONT + QUESTION).replace("\n", "\r\n")))
    (other,) = load_packs(write(tmp_path, FRONT + QUESTION + "And on Sundays too.\n"))
    assert same.version == first.version
    assert other.version != first.version
    assert [p.id for p in other.passages] == [p.id for p in first.passages]


def test_a_file_says_what_it_is_about_and_until_when(tmp_path: Path) -> None:
    front = "---\ntitle: Plus\nentity: Parcel Plus\nvalid_until: 2026-12-31\npriority: 70\n---\n"
    other = (
        "\n## Till when?\n\n"
        "say: Till five.\nentity: Plus One\nvalid_until: 2026-11-30\npriority: 0\n\nFive.\n"
    )
    (pack,) = load_packs(write(tmp_path, front + QUESTION + other))
    assert [(p.say, p.text, p.entity, p.valid_until, p.priority) for p in pack.passages] == [
        ("From nine to five.", "We are open from nine.", "Parcel Plus", "2026-12-31", 70),
        ("Till five.", "Five.", "Plus One", "2026-11-30", 0),
    ]


def test_a_pack_that_says_neither_has_the_version_it_had(tmp_path: Path) -> None:
    (pack,) = load_packs(write(tmp_path, FRONT.replace("title", "priority: 0\ntitle") + QUESTION))
    kept = msgspec.json.encode(pack.passages)
    assert b"entity" not in kept
    assert b"priority" not in kept
    packs = load_packs(Path(__file__).resolve().parents[3] / "knowledge")
    assert [pack.ref for pack in packs] == ["hotel@e4e0e169", "parcel@589c1943"]


def test_a_file_in_a_subfolder_has_it_in_its_id(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "shop" / "more").mkdir()
    (tmp_path / "shop" / "more" / "pets.md").write_text(FRONT + "\n## Dogs?\n\nYes.\n")
    (pack,) = load_packs(tmp_path)
    assert pack.passages[1].id == "shop/more/pets#dogs"


FAULTS: dict[str, tuple[str | bytes, int, str]] = {
    "duplicate heading": (FRONT + QUESTION + QUESTION, 13, "duplicate heading"),
    "same words, other marks": (FRONT + QUESTION + "\n## when are you OPEN\n\nNo.\n", 13, "dupl"),
    "front matter not closed": ("---\ntitle: x\n" + QUESTION, 1, "not closed"),
    "front matter not YAML": ("---\ntitle: [x\n---\n" + QUESTION, 3, "not YAML"),
    "front matter not a mapping": ("---\n- x\n---\n" + QUESTION, 1, "no title"),
    "no front matter": (QUESTION, 0, "no front matter"),
    "no title": ("---\nupdated: 2026-01-02\n---\n" + QUESTION, 1, "no title"),
    "unknown front matter": ("---\ntitle: x\nautor: y\n---\n" + QUESTION, 3, "'autor'"),
    "date not a date": ("---\ntitle: x\nupdated: soon\n---\n" + QUESTION, 3, "'soon'"),
    "empty file": ("", 0, "is empty"),
    "only spaces": (" \n\n", 0, "is empty"),
    "no questions": (FRONT, 0, "no questions"),
    "words outside": (FRONT + "\nHello.\n" + QUESTION, 7, "outside the questions"),
    "a first-level heading": (FRONT + QUESTION + "\n# Part two\n", 13, "outside the questions"),
    "no answer": (FRONT + "\n## When?\n\nsay: At nine.\n", 7, "no answer"),
    "heading without words": (FRONT + "\n## ???\n\nYes.\n", 7, "no words"),
    "say too long": (FRONT + "\n## When?\n\nsay: " + "so " * 26 + "\n\nNow.\n", 9, "26 words"),
    "say empty": (FRONT + "\n## When?\n\nsay:\n\nNow.\n", 9, "is empty"),
    "say twice": (FRONT + "\n## When?\n\nsay: a\n\nsay: b\n\nNow.\n", 9, "only one"),
    "say below": (FRONT + "\n## When?\n\nNow.\n\nsay: a\n", 11, "not the first"),
    "say runs on": (FRONT + "\n## When?\n\nsay: a\nNow.\n", 9, "several lines"),
    "entity empty": ("---\ntitle: x\nentity: ''\n---\n" + QUESTION, 3, "entity = ''"),
    "end not a date": ("---\ntitle: x\nvalid_until: soon\n---\n" + QUESTION, 3, "'soon'"),
    "section's end": (FRONT + "\n## When?\n\nvalid_until: 31.12.26\n\nNow.\n", 9, "no day"),
    "no such day": (FRONT + "\n## When?\n\nvalid_until: 2026-02-30\n\nNow.\n", 9, "no day"),
    "priority a text": ("---\ntitle: x\npriority: high\n---\n" + QUESTION, 3, "'high'"),
    "priority a yes": ("---\ntitle: x\npriority: yes\n---\n" + QUESTION, 3, "priority = True"),
    "priority over 100": ("---\ntitle: x\npriority: 101\n---\n" + QUESTION, 3, "priority = 101"),
    "priority below 0": (FRONT + "\n## When?\n\npriority: -1\n\nNow.\n", 9, "'-1' is no whole"),
    "priority no number": (FRONT + "\n## When?\n\npriority: high\n\nNow.\n", 9, "'high' is no"),
    "priority twice": (FRONT + "\n## When?\n\npriority: 1\npriority: 2\n\nNow.\n", 9, "only one"),
    "entity below": (FRONT + "\n## When?\n\nNow.\n\nentity: Plus\n", 11, "not the first"),
    "entity runs on": (FRONT + "\n## When?\n\nentity: Plus\nNow.\n", 9, "several lines"),
    "not UTF-8": ((FRONT + QUESTION).encode() + b"caf\xe9\n", 12, "0xe9 is not UTF-8"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_file_line_and_remedy(tmp_path: Path, fault: str) -> None:
    text, line, problem = FAULTS[fault]
    reading = read_packs(write(tmp_path, text))
    assert reading.packs == ()
    (found,) = reading.faults
    assert found.file == str(tmp_path / "shop" / "hours.md")
    assert (found.line, found.remedy != "") == (line, True)
    assert problem in found.problem


ABOUTS: dict[str, tuple[str | None, int, str]] = {
    "missing": (None, 0, "is missing"),
    "not TOML": ("name = \n", 1, "not TOML"),
    "empty": ("", 0, "is empty"),
    "unknown key": (ABOUT + 'colour = "red"\n', 3, "unknown key 'colour'"),
    "no title": ('name = "shop"\n', 0, "title is missing"),
    "title is a number": ('name = "shop"\ntitle = 3\n', 2, "title = 3"),
    "another name": ('name = "store"\ntitle = "x"\n', 1, "'store' in the folder 'shop'"),
}


@pytest.mark.parametrize("fault", ABOUTS)
def test_a_fault_of_pack_toml(tmp_path: Path, fault: str) -> None:
    about, line, problem = ABOUTS[fault]
    (found,) = read_packs(write(tmp_path, about=about)).faults
    assert found.file == str(tmp_path / "shop" / "pack.toml")
    assert found.line == line
    assert problem in found.problem


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    write(tmp_path)
    with (tmp_path / "shop" / "large.md").open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    (found,) = read_packs(tmp_path).faults
    assert "50.0 MiB is over the limit" in found.problem
    assert "split it" in found.remedy
    (tmp_path / "shop" / "large.md").write_bytes(b"\n" * MAX_FILE_BYTES)
    (found,) = read_packs(tmp_path).faults
    assert found.problem == "is empty"


def _no_folder(path: Path) -> Path:
    return path / "nowhere"


def _empty_folder(path: Path) -> Path:
    return path


def _pack_without_questions(path: Path) -> Path:
    write(path)
    (path / "shop" / "hours.md").unlink()
    return path


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_no_folder, "no such folder"),
        (_empty_folder, "holds no pack"),
        (_pack_without_questions, "holds no question"),
    ],
)
def test_a_folder_without_knowledge(
    tmp_path: Path, make: Callable[[Path], Path], problem: str
) -> None:
    with pytest.raises(PackFaults, match=problem):
        load_packs(make(tmp_path))


def test_a_pack_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PackFaults, match=r"no such pack; knowledge\.packs may name shop"):
        load_packs(write(tmp_path), ["ship"])


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, FRONT + QUESTION + QUESTION + "\n## ???\n\nsay: \n\nx\n", "title = 1\n")
    with pytest.raises(PackFaults) as caught:
        load_packs(tmp_path)
    assert len(caught.value.faults) == 5
    lines = str(caught.value).splitlines()
    assert lines == [str(fault) for fault in caught.value.faults]
    assert lines[0].startswith(f"{tmp_path / 'shop' / 'hours.md'}:13: duplicate heading")


def test_a_faulty_pack_does_not_hide_a_good_one(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "bad").mkdir()
    reading = read_packs(tmp_path)
    assert [pack.name for pack in reading.packs] == ["shop"]
    assert [fault.problem for fault in reading.faults] == ["is missing"]
