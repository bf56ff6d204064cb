"""One file of a pack: its place, its bytes within the limit of its kind, its text."""

from pathlib import Path

from msgspec import Struct

from copilot.retrieval.packs.model import Fault

MIB = 2**20
MAX_FILE_BYTES = MIB
"""A larger Markdown file is refused before it is read: a support answer is a few hundred bytes."""
LIMITS = {
    ".txt": 8 * MIB,
    ".csv": 8 * MIB,
    ".html": 8 * MIB,
    ".htm": 8 * MIB,
    ".xlsx": 32 * MIB,
    ".docx": 64 * MIB,
    ".pdf": 64 * MIB,
}
"""Bytes a file of a kind may have; pictures make documents large, words do not."""


class PackFile(Struct):
    """A file of a pack and where its faults go."""

    pack: Path
    """The pack's folder."""
    file: Path
    faults: list[Fault]
    """Every fault of the pack so far; this file adds its own."""

    @property
    def kind(self) -> str:
        """The file name's ending in lower case, with its dot."""
        return self.file.suffix.lower()

    @property
    def stem(self) -> str:
        """What ids of its passages begin with: ``pack/file``, Markdown without its ending."""
        path = self.file.relative_to(self.pack)
        named = path.with_suffix("") if self.kind == ".md" else path
        return f"{self.pack.name}/{named.as_posix()}"

    def id(self, name: str) -> str:
        """The id of the file's passage `name`."""
        return f"{self.stem}#{name}"

    def fault(self, line: int, problem: str, remedy: str) -> None:
        self.faults.append(Fault(str(self.file), line, problem, remedy))

    def fits(self) -> bool:
        """Whether it can be opened and is neither empty nor too large; adds a fault where not."""
        limit = LIMITS.get(self.kind, MAX_FILE_BYTES)
        try:
            with self.file.open("rb") as stream:
                size = stream.seek(0, 2)
        except OSError as error:
            self.fault(0, f"cannot be opened ({error.strerror})", "let this user read it")
            return False
        if size > limit:
            problem = f"{size / MIB:.1f} MiB is over the limit of {limit // MIB} MiB a file"
            self.fault(0, problem, "split it by topic")
        elif not size:
            self.fault(0, "is empty", "write it or remove it")
        return 0 < size <= limit

    def text(self) -> str | None:
        """Its text with unix line ends; None after adding a fault."""
        if not self.fits():
            return None
        try:
            raw = self.file.read_bytes()
        except OSError as error:  # deleted meanwhile
            self.fault(0, f"cannot be read ({error.strerror})", "put it back")
            return None
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = raw.count(b"\n", 0, error.start) + 1
            problem = f"byte 0x{raw[error.start]:02x} is not UTF-8"
            self.fault(line, problem, "save the file in UTF-8")
            return None
        text = text.replace("\r\n", "\n")
        if not text.strip():
            self.fault(0, "is empty", "write it or remove it")
            return None
        return text
