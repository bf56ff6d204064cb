"""Makes the documents that tests read: real files, written by the formats' own libraries."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import docx
import openpyxl
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate

ABOUT = 'name = "{name}"\ntitle = "A shop"\n'


def pack(folder: Path, name: str = "shop") -> Path:
    """An empty pack in a knowledge folder."""
    made = folder / name
    made.mkdir(parents=True, exist_ok=True)
    (made / "pack.toml").write_text(ABOUT.format(name=name), encoding="utf-8")
    return made


def chapter(topic: str, sentences: int = 12) -> str:
    """Prose in which every sentence can be told from every other."""
    return " ".join(
        f"Step {n} of {topic} takes {n + 2} minutes and is done by the person at desk {n}."
        for n in range(1, sentences + 1)
    )


class Manual(SimpleDocTemplate):
    """A manual with running heads and feet, and bookmarks if wanted."""

    def __init__(self, file: Path, title: str, bookmarks: bool) -> None:
        super().__init__(str(file), pagesize=A4, title=title)
        self._heading = title
        self._bookmarks = bookmarks

    def made(self, story: list[Flowable]) -> None:
        self.build(story, onFirstPage=self._around, onLaterPages=self._around)

    def _around(self, canvas: Canvas, _: object) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(72, 820, f"{self._heading}, second edition")
        canvas.drawString(280, 20, f"Page {canvas.getPageNumber()}")

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802 (reportlab's name)
        style = getattr(getattr(flowable, "style", None), "name", "")
        if self._bookmarks and isinstance(flowable, Paragraph) and style.startswith("Heading"):
            key = f"{style}-{self.page}-{id(flowable)}"
            self.canv.bookmarkPage(key)
            level = int(style[-1]) - 1
            self.canv.addOutlineEntry(flowable.getPlainText(), key, level=level, closed=False)


def manual(
    file: Path,
    parts: Sequence[tuple[str, str]],
    title: str = "The desk manual",
    bookmarks: bool = False,
    break_pages: bool = False,
) -> Path:
    """A PDF of paragraphs in reportlab's sample styles: ``("Heading1", "Returns")``."""
    styles = getSampleStyleSheet()
    story: list[Flowable] = []
    for style, text in parts:
        if break_pages and style == "Heading1" and story:
            story.append(PageBreak())
        story.append(Paragraph(text, styles[style]))
    Manual(file, title, bookmarks).made(story)
    return file


def letter(file: Path, lines: Sequence[str], password: str = "", owner: str = "") -> Path:
    """A PDF of one page; with a password it is encrypted, with an owner's it only says so."""
    lock = StandardEncryption(password, ownerPassword=owner) if password or owner else None
    canvas = Canvas(str(file), encrypt=lock)
    for n, line in enumerate(lines):
        canvas.drawString(72, 760 - 14 * n, line)
    canvas.save()
    return file


def scan(file: Path, pages: int = 3, words: int = 0) -> Path:
    """A PDF of pictures; the first `words` of its pages have a line of text too."""
    from PIL import Image

    grey = io.BytesIO()
    Image.new("L", (60, 80), 200).save(grey, "PNG")
    canvas = Canvas(str(file))
    for n in range(pages):
        canvas.drawImage(ImageReader(grey), 0, 0, *A4)
        if n < words:
            canvas.drawString(72, 700, f"Words on page {n + 1}.")
        canvas.showPage()
    canvas.save()
    return file


def word(file: Path, parts: Sequence[tuple[str, str]]) -> Path:
    """A DOCX of paragraphs: ``("Heading 1", "Returns")``; the style ``bold`` is plain and bold."""
    document = docx.Document()
    for style, text in parts:
        if style == "bold":
            document.add_paragraph().add_run(text).bold = True
        else:
            document.add_paragraph(text, style)
    document.save(str(file))
    return file


def workbook(file: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    """An XLSX with a sheet an entry."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(file)
    return file


def bomb(file: Path, part: str, size: int) -> Path:
    """A small archive that unpacks to `size` zeros."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open(part, "w", force_zip64=True) as stream:
            for _ in range(size // 2**20):
                stream.write(bytes(2**20))
    return file
