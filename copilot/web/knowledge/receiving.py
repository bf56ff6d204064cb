"""Takes an upload to disk as it comes, and no more of it than may come."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from litestar.exceptions import HTTPException

from copilot.retrieval.packs.file import MIB


async def receive(chunks: AsyncIterator[bytes], part: Path, limit: int) -> int:
    """Write what comes to `part`; its bytes. Raises 413 as soon as there is too much."""
    size = 0
    file = await asyncio.to_thread(part.open, "wb")
    try:
        async for chunk in chunks:
            size += len(chunk)
            if size > limit:
                raise HTTPException(
                    status_code=413,
                    detail=f"It is over the limit of {limit // MIB} MiB. Split it.",
                )
            await asyncio.to_thread(file.write, chunk)
    finally:
        await asyncio.to_thread(file.close)
    return size
