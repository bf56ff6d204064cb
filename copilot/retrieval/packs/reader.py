"""Reads foreign files in a process of its own: one that hangs, swells or crashes costs one file."""

import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO

import msgspec

from copilot.retrieval.packs.blocks import Answer, Refused, decode

MAX_SECONDS = 120
"""Time a file may take; 300 pages take about one second."""
MAX_MEMORY = 2 * 2**30
"""Bytes of address space the process may have, where the system can limit it."""

_AGAIN = "open it in its program and save it anew"


class Reader:
    """Asks the reader process for one file at a time; it starts when first needed."""

    def __init__(self, seconds: float = MAX_SECONDS, memory: int = MAX_MEMORY) -> None:
        self._seconds = seconds
        self._memory = memory
        self._process: subprocess.Popen[bytes] | None = None
        self._complaints: IO[bytes] | None = None

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def read(self, file: Path) -> Answer:
        """What the file holds, or why it cannot be read."""
        process = self._living()
        assert process.stdin is not None
        assert process.stdout is not None
        late = Timer(self._seconds, process.kill)
        late.start()
        try:
            process.stdin.write(msgspec.json.encode(str(file.absolute())) + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        hung = late.finished.is_set()
        late.cancel()
        late.join()
        if line.endswith(b"\n"):
            return decode(line)
        crashed = process.wait() < 0
        said = self._end()
        if hung:
            problem = f"took longer than {self._seconds:g} s to read"
            return Refused(problem, f"split it, or {_AGAIN}")
        if crashed or "MemoryError" in said or "allocat" in said:
            most = f"{self._memory / 2**30:.1f} GiB of memory"
            return Refused(
                f"is damaged, or takes more than {most} to read", f"split it, or {_AGAIN}"
            )
        if said.startswith("RecursionError"):
            return Refused("is nested too deeply", _AGAIN)
        why = f" ({said[:120]})" if said else ""
        return Refused(f"is damaged or no {file.suffix[1:].upper()}{why}", _AGAIN)

    def _living(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed in _end)
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "copilot.retrieval.packs.child",
                    str(int(self._seconds) + 1),
                    str(self._memory),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
            )
        return self._process

    def _end(self) -> str:
        """End the process; returns the last line it complained in."""
        process, complaints = self._process, self._complaints
        self._process = self._complaints = None
        if process is None or complaints is None:
            return ""
        process.kill()
        process.communicate()
        complaints.seek(0)
        lines = complaints.read().decode(errors="replace").strip().splitlines()
        complaints.close()
        return lines[-1] if lines else ""
