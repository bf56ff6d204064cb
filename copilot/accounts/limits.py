"""How often something may be tried, counted in the process."""

from collections import OrderedDict, deque

from copilot.errors import TooOften

_KEYS = 10_000
"""Of those that were tried longest ago the counts are forgotten."""


class Limit:
    """So many tries within a window, by key; time is an argument."""

    def __init__(self, tries: int, seconds: float) -> None:
        self.tries = tries
        self.seconds = seconds
        self._tried: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, key: str, now: float) -> None:
        """Raises TooOften where the key has no try left, and says when it has one again."""
        tried = self._tried.get(key)
        while tried and tried[0] <= now - self.seconds:
            tried.popleft()
        if tried and len(tried) >= self.tries:
            minutes = max(1, round((tried[0] + self.seconds - now) / 60))
            raise TooOften(f"That was tried too often. Try again in {minutes} min.")

    def count(self, key: str, now: float) -> None:
        """One more try of the key."""
        self._tried.setdefault(key, deque(maxlen=self.tries)).append(now)
        self._tried.move_to_end(key)
        while len(self._tried) > _KEYS:
            self._tried.popitem(last=False)

    def forget(self, key: str) -> None:
        """The key has all its tries again."""
        self._tried.pop(key, None)
