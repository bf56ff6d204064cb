"""Packs in the console: names, files in, passages edited over them, nobody's change lost."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.errors import PackError
from copilot.retrieval import publishing
from copilot.retrieval.drafts import About, Clash, Drafts, Unknown, Unusable
from copilot.retrieval.filing import digest
from copilot.retrieval.packs import load_packs
from copilot.retrieval.packs.draft import FileReading
from copilot.retrieval.packs.edits import Doubt, Edit, fingerprint
from copilot.retrieval.published import Published

FAQ = "question,answer\nWhen do you open?,At nine.\nIs there parking?,Yes.\n"
OPEN = "shop/faq.csv#when-do-you-open"


@pytest.fixture
def drafts(tmp_path: Path) -> Drafts:
    made = Drafts(tmp_path / "drafts")
    assert made.create(About("Shop"), ()) == "shop"
    return made


def put(drafts: Drafts, name: str, body: str | bytes, pack: str = "shop") -> FileReading:
    with drafts.receiving(pack) as part:
        part.write_bytes(body.encode() if isinstance(body, str) else body)
        read, _ = drafts.keep(pack, name, part)
    return read


def seen(drafts: Drafts, id: str) -> str:
    passages = drafts.read("shop").passages
    return fingerprint(next(one for one in passages if one.id == id))


def test_names_come_from_titles_and_are_nobody_elses(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path)
    assert drafts.create(About("Häuser & Höfe"), ()) == "hauser-hofe"
    assert drafts.create(About("Häuser & Höfe"), ()) == "hauser-hofe-2"
    assert drafts.create(About("parcel"), {"parcel"}) == "parcel-2"
    assert drafts.create(About("営業時間"), ()) == "knowledge"
    long = drafts.create(About("word " * 20), ())
    assert len(long) <= 40


@settings(max_examples=25, deadline=None)
@given(title=st.text(min_size=1, max_size=60), words=st.text(max_size=60))
def test_any_title_can_be_read_again(
    tmp_path_factory: pytest.TempPathFactory, title: str, words: str
) -> None:
    drafts = Drafts(tmp_path_factory.mktemp("drafts"))
    try:
        pack = drafts.create(About(title, words), ())
    except Unusable:
        return
    draft = drafts.read(pack)
    assert [fault.problem for fault in draft.faults] == ["holds no question"]
    assert draft.about["title"] == " ".join(title.split())


def test_a_file_with_problems_is_kept_and_told(drafts: Drafts) -> None:
    read = put(drafts, "faq.csv", FAQ + ",Nothing.\n")
    assert len(read.passages) == 2
    assert [fault.line for fault in read.faults] == [4]
    draft = drafts.read("shop")
    assert draft.pack is None
    assert len(draft.passages) == 2
    mended = drafts.write("shop", "faq.csv", FAQ, digest(FAQ + ",Nothing.\n"))
    assert mended.faults == ()
    assert drafts.read("shop").pack is not None


@pytest.mark.parametrize("name", ["../outside.md", "/etc/passwd", "pack.toml", ".coming-x.md"])
def test_only_files_of_the_pack_can_be_read_and_removed(
    drafts: Drafts, tmp_path: Path, name: str
) -> None:
    (tmp_path / "drafts" / "outside.md").write_text("secret")
    (tmp_path / "drafts" / "shop" / ".coming-x.md").write_text("half")
    for act in (lambda: drafts.text("shop", name), lambda: drafts.remove("shop", name)):
        with pytest.raises(Unknown):
            act()
    assert (tmp_path / "drafts" / "outside.md").exists()


@pytest.mark.parametrize("pack", ["../drafts/shop", "..", "", "shop/..", ".shop.lock", "SHOP"])
def test_a_pack_is_named_and_not_walked_to(drafts: Drafts, pack: str) -> None:
    with pytest.raises(Unknown):
        drafts.read(pack)


def test_a_link_that_leads_out_is_no_file(drafts: Drafts, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret")
    (tmp_path / "drafts" / "shop" / "link.md").symlink_to(tmp_path / "secret.md")
    with pytest.raises(Unknown):
        drafts.text("shop", "link.md")
    assert "leads out" in drafts.read("shop").faults[0].problem


def test_a_zip_bomb_costs_one_line(drafts: Drafts, tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.docx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 40_000_000)
    read = put(drafts, "manual.docx", bomb.read_bytes())
    assert read.passages == ()
    assert "zip bomb" in read.faults[0].problem or "unpacks to" in read.faults[0].problem


def test_an_edit_is_kept_over_a_new_file_of_the_same_name(drafts: Drafts) -> None:
    put(drafts, "faq.csv", FAQ)
    edit = Edit("When do you open?", "At nine.", say="At nine sharp.")
    drafts.edit("shop", OPEN, edit, seen(drafts, OPEN))
    put(drafts, "faq.csv", FAQ.replace("Yes.", "Yes, forty places."))
    draft = drafts.read("shop")
    assert {one.id: one.say for one in draft.passages}[OPEN] == "At nine sharp."
    assert draft.edited.doubts == {}
    put(drafts, "faq.csv", FAQ.replace("At nine.", "At ten."))
    assert drafts.read("shop").edited.doubts == {OPEN: Doubt.CHANGED}
    drafts.stand("shop", OPEN)
    assert drafts.read("shop").edited.doubts == {}
    drafts.restore("shop", OPEN)
    assert {one.id: one.text for one in drafts.read("shop").passages}[OPEN] == "At ten."


def test_of_two_who_edit_at_once_the_second_is_told(drafts: Drafts) -> None:
    put(drafts, "faq.csv", FAQ)
    before = seen(drafts, OPEN)
    drafts.edit("shop", OPEN, Edit("When do you open?", "At eight."), before)
    with pytest.raises(Clash):
        drafts.edit("shop", OPEN, Edit("When do you open?", "At ten."), before)
    assert {one.id: one.text for one in drafts.read("shop").passages}[OPEN] == "At eight."


def test_an_edit_that_says_what_the_file_says_is_none(drafts: Drafts) -> None:
    put(drafts, "faq.csv", FAQ)
    drafts.edit("shop", OPEN, Edit("When do you open?", "At ten."), seen(drafts, OPEN))
    drafts.edit("shop", OPEN, Edit("When do you open?", " At  nine. "), seen(drafts, OPEN))
    assert drafts.read("shop").edits == {}


def test_a_passage_is_written_left_out_and_taken_back(drafts: Drafts) -> None:
    put(drafts, "faq.csv", FAQ)
    id = drafts.add("shop", Edit("Do you sell cards?", "Yes."))
    assert id == "shop/written#do-you-sell-cards"
    assert drafts.add("shop", Edit("Do you sell cards?", "No.")) == f"{id}-2"
    drafts.leave_out("shop", id, "me", "now")
    drafts.leave_out("shop", OPEN, "me", "now")
    draft = drafts.read("shop")
    assert [one.id for one in draft.passages] == ["shop/faq.csv#is-there-parking", f"{id}-2"]
    assert id not in draft.edits
    drafts.restore("shop", OPEN)
    assert OPEN in {one.id for one in drafts.read("shop").passages}


def test_a_file_goes_with_what_was_edited_in_it(drafts: Drafts) -> None:
    put(drafts, "faq.csv", FAQ)
    drafts.edit("shop", OPEN, Edit("When do you open?", "At ten."), seen(drafts, OPEN))
    drafts.remove("shop", "faq.csv")
    draft = drafts.read("shop")
    assert (draft.passages, draft.edits) == ((), {})


def test_too_much_is_refused_whole(drafts: Drafts, monkeypatch: pytest.MonkeyPatch) -> None:
    put(drafts, "faq.csv", FAQ)
    monkeypatch.setattr("copilot.retrieval.drafts.MAX_PACK_BYTES", 2 * len(FAQ))
    with pytest.raises(PackError, match="MiB of files at most"):
        put(drafts, "more.csv", FAQ + "What else?," + "x" * 100)
    monkeypatch.setattr("copilot.retrieval.drafts.MAX_PACK_FILES", 1)
    with pytest.raises(PackError, match="1 files at most"):
        put(drafts, "more.csv", FAQ)
    assert [file.name for file in drafts.read("shop").files] == ["faq.csv"]
    put(drafts, "faq.csv", FAQ)  # a file in place of itself is none more


def test_a_file_that_has_not_changed_is_read_once(drafts: Drafts) -> None:
    put(drafts, "faq.csv", FAQ)
    assert drafts.read("shop") is drafts.read("shop")
    first = drafts.read("shop").files[0]
    put(drafts, "more.txt", "HOURS\n\nFrom nine to six.")
    assert drafts.read("shop").files[0] is first


def test_a_pack_that_is_copied_in_reads_as_before(drafts: Drafts, tmp_path: Path) -> None:
    source = tmp_path / "files" / "hotel"
    source.mkdir(parents=True)
    (source / "pack.toml").write_text('name = "hotel"\ntitle = "A hotel"\n')
    (source / "faq.csv").write_text(FAQ)
    (before,) = load_packs(tmp_path / "files")
    assert drafts.adopt(source) == "hotel"
    after = drafts.read("hotel").pack
    assert after == before
    drafts.drop("hotel")
    assert not drafts.has("hotel")
    assert source.exists()


def test_what_the_console_keeps_is_published_nowhere_else(drafts: Drafts, tmp_path: Path) -> None:
    put(drafts, "faq.csv", FAQ)
    files = tmp_path / "files"
    for name in ("shop", "hotel"):
        (files / name).mkdir(parents=True)
        (files / name / "pack.toml").write_text(f'name = "{name}"\ntitle = "Files"\n')
        (files / name / "faq.csv").write_text(FAQ)
    published = Published(tmp_path / "packs")
    found = publishing.drafts(files, (), published, aside=drafts.names())
    assert [pack.name for pack in found] == ["hotel"]
    found = publishing.drafts(files, ("shop", "hotel"), published, aside=drafts.names())
    assert [pack.name for pack in found] == ["hotel"]
    assert publishing.drafts(files, ("shop",), published, aside=drafts.names()) == ()
    rows = publishing.overview(files, published, drafts.place)
    assert [(row.name, row.draft) for row in rows] == [("hotel", "new"), ("shop", "new")]
    put(drafts, "bad.csv", "question,answer\n,x\n")
    rows = publishing.overview(files, published, drafts.place)
    assert [(row.name, row.draft) for row in rows] == [("hotel", "new"), ("shop", "faulty")]
