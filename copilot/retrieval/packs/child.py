"""The reader process: takes a path a line from stdin, answers a line of JSON a path.

Nothing is caught here but a refusal: a file over which a parser fails ends the process, and the
other side says so of that file.
"""

import os
import resource
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Protocol

import msgspec

from copilot.retrieval.packs.blocks import (
    MAX_TEXT,
    Answer,
    Document,
    Refusal,
    Refused,
    encode,
)

_MODULES = {
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".xlsx": "workbook",
}


class _Module(Protocol):
    def read(self, file: Path) -> Answer: ...


def answer(file: Path) -> Answer:
    """What the file holds, by its ending; each kind's library is imported when first needed."""
    name = _MODULES[file.suffix.lower()]
    module: _Module = import_module(f"copilot.retrieval.packs.{name}")
    try:
        found = module.read(file)
    except Refusal as refusal:
        return refusal.refused
    if isinstance(found, Document) and sum(len(block.text) for block in found.blocks) > MAX_TEXT:
        return Refused(f"holds more than {MAX_TEXT:,} characters of text", "split it by topic")
    return found


def main(seconds: int, memory: int) -> None:
    """Answer until stdin closes, within `memory` bytes in all and `seconds` of CPU a file."""
    # Ctrl-C reaches the whole process group; this process ends when its parent does
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(ValueError, OSError):  # macOS has no such limit
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not land between answers
    for line in sys.stdin.buffer:
        _allow(seconds)
        found = answer(Path(msgspec.json.decode(line, type=str)))
        out.write(encode(found) + b"\n")
        out.flush()


def _allow(seconds: int) -> None:
    """Bound the next file's CPU; the parent keeps the time, unless it was killed meanwhile."""
    used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(ValueError):  # a stricter limit was set from outside
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + seconds, hard))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
