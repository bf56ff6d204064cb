"""How one route does: its circuit, its budget and its times; the time is always an argument."""

from collections import deque

from copilot.providers.gateway.settings import Options, Route

_LONGEST = 60.0
"""Seconds for which a circuit stays open at most."""
_KEPT = 64
"""Times to the first token that are remembered."""
_ENOUGH = 8
"""From so many on their 95th percentile is trusted: Dean and Barroso, "The Tail at Scale" (2013),
defer the second request until then, which costs about one request in twenty more."""
_SHORTEST = 0.02
_MINUTE, _DAY = 60.0, 86_400.0


class Lane:
    """A route in use."""

    def __init__(self, route: Route, options: Options) -> None:
        self.route = route
        self.fault = ""
        """What went wrong last; empty once it has answered again."""
        self.requests = 0
        self.failures = 0
        self.tokens = 0
        """In and out, all together."""
        self._options = options
        self._in_a_row = 0
        self._open_until = 0.0
        self._open_for = options.open_seconds
        self._trying = False
        self._times: deque[float] = deque(maxlen=_KEPT)
        self._mean: float | None = None
        self._ill = 0.0
        self._sent: deque[float] = deque()
        self._spent = 0
        self._day = 0

    # ---- choosing

    def usable(self, now: float) -> bool:
        """Whether it may be asked: its circuit is closed or due for a try, its budget not spent."""
        if self._trying or now < self._open_until:
            return False
        return not self._over_budget(now)

    @property
    def is_trial(self) -> bool:
        """Whether the next request only tries if it is well again."""
        return self._in_a_row >= self._options.open_after

    @property
    def order(self) -> tuple[int, float]:
        """Priority first, then time to the first token, the longer the oftener it fails."""
        return self.route.priority, (self._mean or 0.0) * (1 + 4 * self._ill) + self._ill

    def hedge_after(self) -> float:
        """Seconds after which its answer is late."""
        if len(self._times) < _ENOUGH:
            return self._options.hedge_after
        late = sorted(self._times)[int(0.95 * (len(self._times) - 1))]
        return min(max(late, _SHORTEST), self.route.first_token)

    def circuit(self, now: float) -> str:
        """``closed``, ``open`` or ``trying``."""
        if not self.is_trial and now >= self._open_until:
            return "closed"
        return "open" if now < self._open_until else "trying"

    # ---- what happens

    def begin(self, now: float) -> None:
        self.requests += 1
        self._trying = self.is_trial
        if self.route.requests_per_minute:
            self._sent.append(now)

    def first(self, seconds: float) -> None:
        """Its first token came after so many seconds."""
        self._times.append(seconds)
        self._mean = seconds if self._mean is None else 0.8 * self._mean + 0.2 * seconds

    def answered(self, tokens: int, now: float) -> None:
        self._in_a_row, self._trying, self._open_for = 0, False, self._options.open_seconds
        self._open_until, self.fault = 0.0, ""
        self._ill *= 0.8
        self._spend(tokens, now)

    def failed(self, fault: str, now: float, wait: float = 0.0, final: bool = False) -> None:
        """It failed; `wait` seconds are to pass before the next try, `final`: it will again."""
        self.failures += 1
        self._in_a_row += 1
        self._ill = 0.8 * self._ill + 0.2
        self.fault = fault
        if final:
            self._in_a_row = max(self._in_a_row, self._options.open_after)
            self._open_for = _LONGEST
        if wait:
            self._open_until = now + min(wait, _LONGEST)
        elif self.is_trial:
            self._open_until = now + self._open_for
            self._open_for = min(2 * self._open_for, _LONGEST)
        self._trying = False

    def left(self, seconds: float) -> None:
        """Another was faster: it would have taken longer than so many seconds."""
        self._trying = False
        if self._mean is None or seconds > self._mean:
            self._mean = seconds if self._mean is None else 0.8 * self._mean + 0.2 * seconds

    def state(self, now: float) -> dict[str, object]:
        return {
            "route": self.route.label,
            "circuit": self.circuit(now),
            "requests": self.requests,
            "failures": self.failures,
            "tokens": self.tokens,
            "first_token_ms": round(1000 * (self._mean or 0.0)),
            "fault": self.fault,
        }

    # ---- budget

    def _over_budget(self, now: float) -> bool:
        while self._sent and self._sent[0] <= now - _MINUTE:
            self._sent.popleft()
        limit = self.route.requests_per_minute
        if limit and len(self._sent) >= limit:
            return True
        if int(now // _DAY) != self._day:
            self._day, self._spent = int(now // _DAY), 0
        return bool(self.route.tokens_per_day) and self._spent >= self.route.tokens_per_day

    def _spend(self, tokens: int, now: float) -> None:
        self._over_budget(now)  # a new day begins at nothing
        self._spent += tokens
        self.tokens += tokens
