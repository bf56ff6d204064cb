"""Saved web pages: the words that a reader sees, and nothing else."""

from pathlib import Path

import pytest

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs import load_packs, read_packs
from tests.documents import pack

SEEN = """<!doctype html><html><head><title>Help | Shop</title><meta charset="utf-8"></head><body>
<h1>Help centre</h1><p>We <b>help</b>,<br>here and <a href="javascript:go()">there</a>.</p>
<h2>How long do refunds take?</h2><p>Five&nbsp;days.</p><ul><li>Card: 5 days</li><li>Cash</li></ul>
<details><summary>Do you ship abroad?</summary><p>Yes, to 30 countries.</p></details>
<dl><dt>What is a locker?</dt><dd>A box with a code.</dd></dl>
<h3><button aria-expanded="false" aria-controls="later">Can I pay later?</button></h3>
<div id="later" hidden><p>Within 30 days.</p></div>
<p><strong>Is there a fee?</strong></p><p>No.</p>
<p>Q: What about gifts?<br>A: They are wrapped.</p>
<h2>Prices</h2><table><tr><th>Weight</th><th>Price</th></tr>
<tr><td>2 kg</td><td>5 €</td></tr></table>
<table><tr><td>Question</td><td>Answer</td></tr>
<tr><td>Who delivers?</td><td>We do.</td></tr></table>
<h2 id="cookies">Do you use cookies?</h2><p>Two.</p></body></html>"""

UNSEEN = """<script>document.write("<p>unseen</p>")</script><style>p{content:"unseen"}</style>
<noscript>unseen</noscript><template><p>unseen</p></template><!-- unseen -->
<nav>unseen</nav><header>unseen</header><footer>unseen</footer><aside>unseen</aside>
<div role="navigation">unseen</div><div id="cookie-banner">unseen</div>
<div class="cookies"><p>unseen</p><button>Yes</button></div><div class="breadcrumbs">unseen</div>
<ul><li><a href="a">unseen</a></li><li><a href="b">unseen</a></li>
<li><a href="c">unseen</a></li></ul>
<p style="display: none">unseen</p><div hidden>unseen</div><p aria-hidden="true">unseen</p>
<svg><text>unseen</text></svg><iframe srcdoc="<p>unseen</p>">unseen</iframe>
<form><label>unseen</label></form><button onclick="unseen()">unseen</button>"""


def page(folder: Path, text: str | bytes, name: str = "help.html") -> tuple[Passage, ...]:
    """The passages of a pack of one page."""
    raw = text.encode() if isinstance(text, str) else text
    (pack(folder) / name).write_bytes(raw)
    (found,) = load_packs(folder)
    return found.passages


def test_headings_and_questions_become_passages(tmp_path: Path) -> None:
    found = [(p.id.partition("#")[2], p.title, p.text) for p in page(tmp_path, SEEN)]
    assert found == [
        ("help-centre", "Help centre", "We help, here and there."),
        (
            "how-long-do-refunds-take",
            "How long do refunds take?",
            "Five days.\n- Card: 5 days\n- Cash",
        ),
        ("do-you-ship-abroad", "Do you ship abroad?", "Yes, to 30 countries."),
        ("what-is-a-locker", "What is a locker?", "A box with a code."),
        ("can-i-pay-later", "Can I pay later?", "Within 30 days."),
        ("is-there-a-fee", "Is there a fee?", "No."),
        ("what-about-gifts", "What about gifts?", "They are wrapped."),
        ("prices", "Help centre › Prices", "- Weight: 2 kg; Price: 5 €"),
        ("who-delivers", "Who delivers?", "We do."),
        ("do-you-use-cookies", "Do you use cookies?", "Two."),
    ]
    assert all(p.id.startswith("shop/help.html#") for p in load_packs(tmp_path)[0].passages)


def test_what_a_reader_does_not_see_changes_nothing(tmp_path: Path) -> None:
    plain = page(tmp_path, SEEN)
    around = SEEN.replace("<body>", "<body>" + UNSEEN).replace("</body>", UNSEEN + "</body>")
    inside = around.replace("<p>No.</p>", "<p>No.</p>" + UNSEEN)
    assert page(tmp_path, inside) == plain


def test_the_main_part_is_taken_where_the_page_names_it(tmp_path: Path) -> None:
    text = "<p>Outside.</p><main><h1>Opening hours</h1><p>From nine.</p></main><p>Outside.</p>"
    (passage,) = page(tmp_path, text)
    assert (passage.title, passage.text) == ("Opening hours", "From nine.")


@pytest.mark.parametrize(
    "raw",
    [
        "<h1>Cafés</h1><p>Größe</p>".encode(),
        b"\xef\xbb\xbf" + "<h1>Cafés</h1><p>Größe</p>".encode(),
        '<meta charset="iso-8859-1"><h1>Cafés</h1><p>Größe</p>'.encode("latin-1"),
        "<h1>Cafés</h1><p>Größe</p>".encode("cp1252"),
        "<h1>Cafés</h1><p>Größe</p>".encode("utf-16"),
        '<meta charset="no-such"><h1>Cafés</h1><p>Größe</p>'.encode("cp1252"),
    ],
)
def test_a_page_in_any_encoding(tmp_path: Path, raw: bytes) -> None:
    (passage,) = page(tmp_path, raw)
    assert (passage.title, passage.text) == ("Cafés", "Größe")


def test_the_pages_of_a_site(tmp_path: Path) -> None:
    """What a browser saves beside a page is passed over; what each page repeats is told once."""
    foot = "<h2>How do I reach you?</h2><p>By telephone.</p>"
    site = pack(tmp_path) / "site"
    (site / "Help_files").mkdir(parents=True)
    (site / "Help_files" / "frame.html").write_text("<p>An advertisement.</p>")
    (site / "Help_files" / "run.exe").write_bytes(b"MZ")
    (site / "style.css").write_text("p {}")
    (site / "Help.html").write_text("<h1>Help</h1><p>We help.</p>" + foot)
    (site / "Hours.htm").write_text("<h1>Hours</h1><p>From nine.</p>" + foot)
    (site / "index.html").write_text("<nav><a>1</a><a>2</a></nav><a href='Help.html'>Help</a>")
    (found,) = load_packs(tmp_path)
    assert [p.id for p in found.passages if "index" not in p.id] == [
        "shop/site/Help.html#help",
        "shop/site/Help.html#how-do-i-reach-you",
        "shop/site/Hours.htm#hours",
    ]


FAULTS: dict[str, tuple[str | bytes, str]] = {
    "only scripts": ("<div id=app></div><script>run('words')</script>", "outside of scripts"),
    "nested": ("<div>" * 100_000 + "deep" + "</div>" * 100_000, "nested too deeply"),
    "zero bytes": (bytes(range(256)) * 10, "zero bytes"),
    "empty": (b"", "is empty"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_page_that_cannot_be_used(tmp_path: Path, fault: str) -> None:
    text, problem = FAULTS[fault]
    with pytest.raises(Exception, match=problem):
        page(tmp_path, text)
    assert read_packs(tmp_path).packs == ()
