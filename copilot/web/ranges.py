"""A file in parts, so that a player can jump to any place of it (RFC 9110, section 14)."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from litestar import Response
from litestar.response import Stream

from copilot.web.pages import AnyRequest

CHUNK = 2**16
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


def serve(request: AnyRequest, path: Path, media_type: str) -> Response[Any] | Stream:
    """The whole file, or the part that the request asks for; raises OSError where it is gone.

    One range only, as players ask for; several, another unit, or one that makes no sense are
    answered with all of it, as the RFC has it. ``If-Range`` with an older file's tag is, too.
    """
    seen = path.stat()
    size, tag = seen.st_size, f'"{seen.st_mtime_ns:x}-{seen.st_size:x}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Cache-Control": "no-store",
        "Content-Disposition": "inline",
    }
    asked = request.headers.get("range", "")
    bounds = _bounds(asked, size) if request.headers.get("if-range", tag) == tag else None
    if bounds is None:
        headers["Content-Length"] = str(size)
        return Stream(_read(path, 0, size), media_type=media_type, headers=headers)
    start, end = bounds
    if start >= end:
        headers["Content-Range"] = f"bytes */{size}"
        return Response(b"", status_code=416, media_type=media_type, headers=headers)
    headers["Content-Length"] = str(end - start)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Stream(_read(path, start, end), status_code=206, media_type=media_type, headers=headers)


def _bounds(asked: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last, where there are any; None: not one range."""
    wanted = _RANGE.fullmatch(asked)
    first, last = wanted.groups() if wanted else ("", "")
    if not first:
        return (max(0, size - int(last)), size) if last else None
    if not last:
        return int(first), size
    return (int(first), min(int(last) + 1, size)) if int(first) <= int(last) else None


async def _read(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        file.seek(start)
        while start < end and (part := await asyncio.to_thread(file.read, min(CHUNK, end - start))):
            start += len(part)
            yield part
