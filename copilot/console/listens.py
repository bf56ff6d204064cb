"""Who has listened to which recording of late: a player asks for a file many times over."""

from datetime import datetime, timedelta

APART = timedelta(minutes=10)
"""Requests that are nearer to each other are one listen."""
MOST = 10_000


class Listens:
    """In this process; after a restart a listen is written down once more."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], datetime] = {}

    def begins(self, person_id: str, call_id: str, now: datetime) -> bool:
        """Whether this request begins a listen, which is to be written down."""
        key = person_id, call_id
        last = self._last.pop(key, None)
        self._last[key] = now
        while len(self._last) > MOST:
            del self._last[next(iter(self._last))]
        return last is None or now - last > APART
