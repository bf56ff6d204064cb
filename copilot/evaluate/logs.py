"""Call logs as files: JSON lines, one entry each, as a call's page gives them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from copilot.core.call import Difference
from copilot.core.events import CallStarted, Entry, Heard, decode_entry, encode
from copilot.errors import LogError


def read(path: Path) -> list[Entry]:
    """The entries of a log; raises LogError with the line at fault."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise LogError(f"{path}: cannot be read ({error.strerror})") from None
    entries = [_entry(path, number, line) for number, line in enumerate(lines, start=1)]
    if not entries or not isinstance(entries[0].event, CallStarted):
        raise LogError(f"{path}: a log begins with call_started; download it from the call's page")
    _check_order(path, entries)
    return entries


def write(entries: Sequence[Entry]) -> bytes:
    """The entries as `read` takes them."""
    return b"".join(encode(entry) + b"\n" for entry in entries)


def difference(found: Difference) -> str:
    """Where a log and its replay part, for a person."""
    logged = encode(found.logged).decode() if found.logged else "nothing"
    replayed = encode(found.replayed).decode() if found.replayed else "nothing"
    return f"entry {found.seq} differs\n  logged:   {logged}\n  replayed: {replayed}"


def _check_order(path: Path, entries: Sequence[Entry]) -> None:
    """A call starts once and its ticks only rise; the core takes both for granted."""
    last = -1
    for number, entry in enumerate(entries, start=1):
        match entry.event:
            case CallStarted() if number > 1:
                raise LogError(f"{path}, line {number}: call_started again; give one call a file")
            case Heard(tick=tick) if tick <= last:
                raise LogError(
                    f"{path}, line {number}: tick {tick} after tick {last}; the lines must stand as"
                    " the call's page gives them"
                )
            case Heard(tick=tick):
                last = tick


def _entry(path: Path, number: int, line: bytes) -> Entry:
    try:
        return decode_entry(line)
    except msgspec.DecodeError as error:
        raise LogError(f"{path}, line {number}: not an entry of a call log ({error})") from None
