"""Office files are zip archives: what one would unpack to is judged before it is unpacked."""

import zipfile
from pathlib import Path

from copilot.retrieval.packs.blocks import Refusal
from copilot.retrieval.packs.file import MIB

MAX_UNPACKED = 256 * MIB
MAX_PART = 64 * MIB
"""Of one XML part: the tree that is made of it takes some ten times as much."""
MAX_RATIO = 100
"""Unpacked to packed. Office XML reaches 10 to 30, deflate's most is 1,032."""
SMALL = 4 * MIB
"""What unpacks to less is harmless at any ratio."""
MAX_PARTS = 10_000
OLE = b"\xd0\xcf\x11\xe0"
"""Begins the container of old office files and of encrypted new ones."""
_DECLARED_WITHIN = 4096


def check(file: Path) -> None:
    """Refuse an office file that is encrypted, no archive, a zip bomb or declares entities."""
    with file.open("rb") as stream:
        if stream.read(len(OLE)) == OLE:
            problem = "is encrypted with a password, or of the format before 2007"
            raise Refusal(problem, f"save it without a password as {file.suffix}")
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            _check_sizes(parts)
            for part in parts:
                if part.filename.lower().endswith((".xml", ".rels")):
                    _check_xml(archive, part)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        remedy = "open it in its program and save it anew"
        raise Refusal(f"is damaged or no {file.suffix[1:].upper()} ({error})", remedy) from None


def _check_sizes(parts: list[zipfile.ZipInfo]) -> None:
    packed = sum(part.compress_size for part in parts)
    unpacked = sum(part.file_size for part in parts)
    remedy = "make sure where it is from; if it is good, split it"
    if len(parts) > MAX_PARTS:
        raise Refusal(f"holds {len(parts):,} parts, over the limit of {MAX_PARTS:,}", remedy)
    if unpacked > MAX_UNPACKED:
        limit = f"over the limit of {MAX_UNPACKED // MIB} MiB"
        raise Refusal(f"unpacks to {unpacked / MIB:,.0f} MiB, {limit}", remedy)
    if unpacked > SMALL and unpacked > MAX_RATIO * packed:
        times = f"{unpacked / max(packed, 1):,.0f} times its size"
        raise Refusal(f"unpacks to {times}, as a zip bomb does", remedy)


def _check_xml(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """The XML of office files has no document type, and so no entities that could swell."""
    if part.file_size > MAX_PART:
        size = f"{part.file_size / MIB:,.0f} MiB"
        problem = f"its part {part.filename} has {size}, over the limit of {MAX_PART // MIB} MiB"
        raise Refusal(problem, "split it")
    with archive.open(part) as stream:
        head = stream.read(_DECLARED_WITHIN)
    if b"<!DOCTYPE" in head.replace(b"\0", b""):  # zeros: UTF-16
        problem = f"its part {part.filename} declares entities, which no office program writes"
        raise Refusal(problem, "do not use it")
