"""An event loop whose time passes only while everyone waits: a minute of call in a blink."""

import asyncio
import selectors
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Stuck(RuntimeError):
    """Everyone waits for ever."""


class _Selector(selectors.DefaultSelector):
    """Lets time pass in place of waiting, but for work that threads do outside of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.outside = 0

    def select(self, timeout: float | None = None) -> list[Any]:
        if self.outside:
            return super().select(0.05 if timeout is None or timeout > 0 else timeout)
        if timeout is None:
            raise Stuck("nothing in this call is due any more")
        self.now += max(0.0, timeout)
        return super().select(0)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """The loop; its `time` is the simulated clock, seconds."""

    def __init__(self) -> None:
        self._simulated = _Selector()
        super().__init__(self._simulated)

    def time(self) -> float:
        return self._simulated.now

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Time stands still within: a thread works, and its real time is not the call's."""
        self._simulated.outside += 1
        try:
            yield
        finally:
            self._simulated.outside -= 1


@contextmanager
def outside() -> Iterator[None]:
    """`SimulatedLoop.outside` of the running loop; nothing on a loop of real time."""
    loop = asyncio.get_running_loop()
    if isinstance(loop, SimulatedLoop):
        with loop.outside():
            yield
    else:
        yield


def simulate(work: Coroutine[Any, Any, T]) -> T:
    """Run `work` to its end in simulated time."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()
