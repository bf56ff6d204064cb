"""Names of uploaded files: no path, no marks, nothing that is not read."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import PackError
from copilot.retrieval.filing import file_name


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.md", "passwd.md"),
        ("..\\..\\windows\\faq.CSV", "faq.csv"),
        ("/etc/cron.d/evil.md", "evil.md"),
        ("a\x00b\n.md", "a-b.md"),
        ("<script>alert(1)</script>.txt", "script.txt"),
        ("....md", "file.md"),
        ("written.md", "written-1.md"),
        ("x" * 300 + ".pdf", "x" * 96 + ".pdf"),
        ("Straße 5 (neu).html", "Straße 5 (neu).html"),
    ],
)
def test_a_file_keeps_no_path_and_no_marks(given: str, kept: str) -> None:
    assert file_name(given) == kept


@given(st.text())
def test_no_name_leaves_its_folder(name: str) -> None:
    try:
        kept = file_name(f"{name}.md")
    except PackError:
        return
    assert Path("/pack", kept).resolve().parent == Path("/pack")
    assert not kept.startswith(".")
    assert len(kept.encode()) < 255 * 4


@pytest.mark.parametrize("name", ["a.exe", "pack.toml", "edits.json", "md", ".md/..", "photo.png"])
def test_what_is_no_knowledge_is_refused(name: str) -> None:
    with pytest.raises(PackError, match="is not read"):
        file_name(name)
