"""Passwords: what one must be like, and argon2id over it, in threads and not many at once."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from copilot.errors import AccountError

P = ParamSpec("P")
T = TypeVar("T")

LEAST, MOST = 12, 256
"""Characters; NIST SP 800-63B-4 asks for 15 where a password stands alone, 8 with a second factor;
the longest is there so that hashing stays cheap."""
_AT_ONCE = 2
"""Hashes computed at the same time: each takes 64 MiB and a core for 50 ms, next to live calls."""


class Passwords:
    """Hashes and checks passwords with the parameters of RFC 9106's second recommendation."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str, *about: str) -> str:
        """The hash to keep; raises AccountError for a password that is too easy.

        `about` are words that it must not be: the person's address and name.
        """
        check(password, *about)
        return await self._run(self._hasher.hash, password)

    async def fits(self, password: str, kept: str | None) -> bool:
        """Whether it is the one; where there is none it takes as long to say no."""
        if self._nobody is None:
            self._nobody = await self._run(self._hasher.hash, "nobody has this")
        fits = await self._run(self._verify, kept or self._nobody, password)
        return fits and kept is not None

    def is_weak(self, kept: str) -> bool:
        """Whether it was hashed with parameters that are not today's."""
        return self._hasher.check_needs_rehash(kept)

    def _verify(self, kept: str, password: str) -> bool:
        if len(password) > MOST:
            return False
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[P, T], *given: P.args, **more: P.kwargs) -> T:
        async with self._room:
            return await asyncio.to_thread(work, *given, **more)


def check(password: str, *about: str) -> None:
    """Raises AccountError for one that is too short, too long, or easily guessed."""
    if len(password) < LEAST:
        raise AccountError(f"The password has {len(password)} characters: use {LEAST} or more.")
    if len(password) > MOST:
        raise AccountError(f"The password has {len(password)} characters: use {MOST} at most.")
    if len(set(password)) < 5:
        raise AccountError("The password repeats a few characters: use more different ones.")
    plain = password.casefold()
    if any(plain == word.casefold() for word in about):
        raise AccountError("The password is your address or name: use something else.")
