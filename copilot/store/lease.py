"""Proof that a writer of call logs still lives; the system takes it back with the process."""

import secrets
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

TAKE_S = 1.0
"""How long a new lease may be in the way of another store that clears up."""


def new_writer() -> int:
    """A number for a writer, unique among all stores: 62 random bits."""
    return secrets.randbits(62)


class FileLease:
    """A locked file beside the database; for SQLite."""

    def __init__(self, database: Path, writer: int) -> None:
        self._database = database
        self._lock = _lock(database, writer)

    async def take(self, connection: AsyncConnection) -> None:
        """Hold the lease; again if it is held already. Raises OSError where no file can be made."""
        if not self._lock.is_locked:
            self._clear_stale()
            self._lock.acquire(timeout=TAKE_S)

    async def lapsed(self, connection: AsyncConnection, writer: int) -> bool:
        """Whether another writer's process is dead; its file is then cleared away."""
        lock = _lock(self._database, writer)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        _clear(lock)
        return True

    def _clear_stale(self) -> None:
        """Clear away the files of writers that died between two calls."""
        for path in self._database.parent.glob(f"{self._database.name}.writer-*"):
            lock = FileLock(path, thread_local=False)
            with suppress(Timeout):
                lock.acquire(blocking=False)
                _clear(lock)

    async def release(self) -> None:
        """Give the lease back."""
        if self._lock.is_locked:
            _clear(self._lock)


class AdvisoryLease:
    """An advisory lock of the session of the writing connection; for PostgreSQL."""

    def __init__(self, writer: int) -> None:
        self._writer = writer

    async def take(self, connection: AsyncConnection) -> None:
        """Hold the lease for as long as the connection is open.

        After a reconnect the session before may still hold it: then nothing is gained by waiting.
        """
        await connection.execute(
            text("select pg_try_advisory_lock(:writer)"), {"writer": self._writer}
        )

    async def lapsed(self, connection: AsyncConnection, writer: int) -> bool:
        """Whether another writer's session is over."""
        free = await connection.scalar(
            text("select pg_try_advisory_lock(:writer)"), {"writer": writer}
        )
        if free:
            await connection.execute(text("select pg_advisory_unlock(:writer)"), {"writer": writer})
        return bool(free)

    async def release(self) -> None:
        """Nothing: the lock goes with the connection."""


Lease = FileLease | AdvisoryLease


def _lock(database: Path, writer: int) -> FileLock:
    return FileLock(f"{database}.writer-{writer:x}", thread_local=False)


def _clear(lock: FileLock) -> None:
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()
