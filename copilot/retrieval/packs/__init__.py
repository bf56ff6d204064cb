"""Knowledge packs on disk: reads and validates them, and turns each section into a passage.

A pack is a folder with a ``pack.toml`` (``name``, ``title``, ``description``, ``language``) and, in
any subfolders, Markdown (``markdown.py`` shows a file), question lists as CSV or XLSX, plain text,
saved web pages, DOCX and PDF. Documents are cut at their headings and questions (``sections.py``).
An ``edits.json`` holds what people changed of the passages in the console (``edits.py``).

A passage's id is ``pack/file#heading``; Markdown files are named in it without their ending. A
heading that a document repeats is ``#heading-2``, the second part of a long section
``#heading.2``, a list's question about an entity ``#question.entity``.
"""

from copilot.retrieval.packs.about import PACK_FILE
from copilot.retrieval.packs.file import LIMITS, MAX_FILE_BYTES
from copilot.retrieval.packs.folder import load_packs, read_packs
from copilot.retrieval.packs.model import (
    MAX_SAY_WORDS,
    Fault,
    Pack,
    PackFaults,
    Reading,
    slug,
)

__all__ = [
    "LIMITS",
    "MAX_FILE_BYTES",
    "MAX_SAY_WORDS",
    "PACK_FILE",
    "Fault",
    "Pack",
    "PackFaults",
    "Reading",
    "load_packs",
    "read_packs",
    "slug",
]
