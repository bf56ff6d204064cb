"""An event loop whose time passes only when everyone waits: exact on a busy machine, and quick."""

import asyncio
import functools
import inspect
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class VirtualTime(selectors.DefaultSelector):
    """A selector that lets time pass instead of waiting; add to `now` to stall the loop."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        assert timeout is not None, "everyone waits for ever"
        self.now += max(0.0, timeout)
        return super().select(0)


def in_virtual_time(
    test: Callable[..., Coroutine[Any, Any, None]],
) -> Callable[..., None]:
    """Run a test on such a loop; its argument `time` is the clock."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        time = VirtualTime()
        loop = asyncio.SelectorEventLoop(time)
        loop.time = lambda: time.now  # type: ignore[method-assign]
        try:
            loop.run_until_complete(test(*args, time=time, **kwargs))
        finally:
            loop.close()

    # pytest asks for what the wrapped test takes, less the clock
    signature = inspect.signature(test)
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[p for p in signature.parameters.values() if p.name != "time"]
    )
    return run
