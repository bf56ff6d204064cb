"""Documents and saved pages of a pack: read in the reader process, cut into passages here."""

import re

from copilot.core.vocabulary import Passage
from copilot.retrieval.packs.blocks import Document, Refused
from copilot.retrieval.packs.file import PackFile
from copilot.retrieval.packs.reader import Reader
from copilot.retrieval.packs.sections import passages_of


def read_document(file: PackFile, reader: Reader) -> list[Passage]:
    """The passages of a PDF, DOCX or HTML file; none after adding a fault."""
    if not file.fits():
        return []
    found = reader.read(file.file)
    if isinstance(found, Refused):
        file.fault(0, found.problem, found.remedy)
        return []
    assert isinstance(found, Document)
    name = re.sub(r"[\s_-]+", " ", file.file.stem).strip()
    passages = passages_of(found, file.stem, name)
    if not passages and found.blocks:
        file.fault(0, "holds no text under its headings", "write it or remove it")
    return passages
