"""One answer from several routes: the first token wins, a late route gets company, a broken one
is followed by the next."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from copilot.errors import MindError
from copilot.ports import Piece, Prompt
from copilot.providers.gateway.lane import Lane
from copilot.providers.gateway.models import RouteFault, RouteModel

Clock = Callable[[], float]
"""Seconds, only ever growing."""


class Runner:
    """One request on one route, whose pieces wait in a queue."""

    def __init__(self, lane: Lane, model: RouteModel, prompt: Prompt, now: Clock) -> None:
        self.lane = lane
        self.first: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """True with its first token; False when it ended without one."""
        self.fault: RouteFault | None = None
        self._model = model
        self._prompt = prompt
        self._now = now
        self._began = now()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        lane.begin(self._began)
        self._task = asyncio.create_task(self._run())

    async def pieces(self) -> AsyncGenerator[str, None]:
        """What is left of the answer; `fault` says at the end whether it was whole."""
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def stop(self) -> None:
        """Leave it: another was faster, or nobody waits any longer."""
        if not self._task.done():
            self._task.cancel()
            self.lane.left(self._now() - self._began)
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(self.lane.route.timeout):
                await self._read()
            self.lane.answered(self._model.used, self._now())
        except RouteFault as fault:
            self._fail(fault)
        except TimeoutError:
            self._fail(RouteFault(f"no whole answer within {self.lane.route.timeout:g} s"))
        finally:
            if not self.first.done():
                self.first.set_result(False)
            self._pieces.put_nowait(None)

    async def _read(self) -> None:
        patience = self.lane.route.first_token
        async with aclosing(self._model.stream(self._prompt)) as stream:
            while True:
                try:
                    async with asyncio.timeout(patience):
                        piece = await anext(stream, None)
                except TimeoutError:
                    raise RouteFault(f"silent for {patience:g} s") from None
                if piece is None:
                    break
                if not self.first.done():
                    self.lane.first(self._now() - self._began)
                    self.first.set_result(True)
                self._pieces.put_nowait(piece)
        if not self.first.done():
            raise RouteFault("an empty answer")

    def _fail(self, fault: RouteFault) -> None:
        self.fault = fault
        self.lane.failed(str(fault), self._now(), fault.wait, fault.final)


Begin = Callable[[Lane], Runner]


async def race(
    lanes: Sequence[Lane], begin: Begin, now: Clock, hedge: bool
) -> AsyncGenerator[Piece, None]:
    """Pieces of the first answer that comes whole, by the lanes in their order.

    Raises MindError where every lane has failed. Leaving early stops whatever runs.
    """
    waiting = list(lanes)
    faults: list[str] = []
    running: list[Runner] = []
    try:
        while True:
            winner = await _first(waiting, running, begin, now, hedge, faults)
            if winner is None:
                told = "; ".join(faults) or "no route is usable now"
                raise MindError(f"no background model has answered: {told}")
            running.remove(winner)
            await _stop(running)
            anew = True
            async with aclosing(winner.pieces()) as pieces:
                try:
                    async for piece in pieces:
                        yield Piece(piece, anew, winner.lane.route.label)
                        anew = False
                finally:
                    await winner.stop()
            if winner.fault is None:
                return
            faults.append(f"{winner.lane.route.label}: {winner.fault}")
    finally:
        await _stop(running)


async def _first(
    waiting: list[Lane],
    running: list[Runner],
    begin: Begin,
    now: Clock,
    hedge: bool,
    faults: list[str],
) -> Runner | None:
    """The first to have a token; None once all have failed."""
    due = now()
    while waiting or running:
        if waiting and (not running or (hedge and now() >= due)):
            lane = waiting.pop(0)
            if not lane.usable(now()):  # another answer has taken its trial or its budget
                continue
            company = hedge and not lane.is_trial
            running.append(begin(lane))
            # A trial is never waited for: the next route runs beside it from the start.
            due = now() + (lane.hedge_after() if company else 0.0)
            continue
        patience = max(due - now(), 0.0) if waiting and hedge else None
        await asyncio.wait(
            [one.first for one in running], timeout=patience, return_when=asyncio.FIRST_COMPLETED
        )
        for one in [one for one in running if one.first.done()]:
            if one.first.result():
                return one
            running.remove(one)
            faults.append(f"{one.lane.route.label}: {one.fault}")
            due = now()
    return None


async def _stop(running: list[Runner]) -> None:
    await asyncio.gather(*(one.stop() for one in running))
    running.clear()
