"""The engine as the serving process has it: seats, and a worker that is replaced when it ends."""

import asyncio
import logging
import time
from collections import deque
from typing import NamedTuple, TypeVar

from copilot.errors import ConfigError, NoPlace
from copilot.providers.moshi import wire
from copilot.providers.moshi.board import Board
from copilot.providers.moshi.gauges import Gauge
from copilot.providers.moshi.link import Hire, Link
from copilot.providers.moshi.plan import Plan, Role, kept
from copilot.providers.moshi.reserve import Reserve, hired
from copilot.providers.moshi.seat import Seat
from copilot.providers.moshi.shedding import Shed

log = logging.getLogger(__name__)

LOAD_S = 900.0
"""How long a worker may take to load."""
HUNG_S = 1.5
"""Silence of a worker that counts as its end: of the 3 s in which calls go on, half."""
ALONE_S = 5.0
"""The same where none is in reserve: most of what holds a worker up is over before another one has
loaded."""
LOOK_S = 0.1
LATE_S = 1.0
"""A look that comes so late tells nothing of the worker: this process was held up, perhaps both."""
REPLAY = 25
"""Frames that a new worker hears again, 2 s: the recogniser finds its way, and no word that was on
its way is lost."""
BEGIN_S = 60.0
"""How long a worker that has loaded may take until calls can be opened."""
PREPARE_S = 10.0
"""How long the first call with a new role waits for it, before it takes the one before."""
DEATHS = 5
DEATHS_S = 60.0
"""So many ends of workers in so long are no accident: the next one has to wait that long."""
ADMIT_MS = 60.0
"""Nobody else is admitted once one tick in ten takes longer."""

NOTHING_SHED = "nothing"
LEFT_OUT = {
    Shed.NOTHING: NOTHING_SHED,
    Shed.WISH: "the wish",
    Shed.DETAIL: "the wish, early words",
    Shed.NEW_CALLS: "the wish, early words, new calls",
}

T = TypeVar("T")


class State(NamedTuple):
    """How the engine is, for pages and metrics."""

    fault: str
    """Empty: it hears."""
    calls: int
    seats: int
    restarts: int
    tick_p50_ms: float
    tick_p90_ms: float
    tick_p99_ms: float
    shed: str
    """What is left out because ticks take too long; ``nothing``."""
    lost_frames: int


class Engine:
    """One worker at a time, with another in reserve where `reserve` asks for it.

    `start` blocks and may run in any thread; the rest belongs to one event loop.
    """

    def __init__(self, plan: Plan, hire: Hire, reserve: bool = True) -> None:
        self._plan, self._hire = plan, hire
        self._link: Link | None = None
        self._reserve = Reserve(hire) if reserve else None
        self._board: Board | None = None
        self._seats: dict[int, Seat] = {}
        self._waiting: dict[Role, asyncio.Future[str]] = {}
        self._codes: dict[Role, bytes] = {}
        """Voices of recordings, as the worker told them."""
        self._watching: asyncio.Task[None] | None = None
        self._ends: deque[float] = deque(maxlen=DEATHS)
        self._fault = "not started"
        self._closed = self._broken = False
        self.restarts = 0
        self.lost = 0
        self.away_since: float | None = None
        """When the worker was found gone, by the loop's clock."""

    # -- before there is an event loop

    def start(self, roles: tuple[Role, ...] = ()) -> None:
        """Have a worker ready, and the roles read; raises ConfigError with what is wrong."""
        link = self._hire()
        try:
            loaded = self._await(link, wire.Loaded)
            self._board = Board.make(self._plan.calls, loaded.rows, kept(loaded.window))
            link.send(wire.Attach(self._board.name))
            self._await(link, wire.Ready)
            for role in roles:
                link.send(wire.Prepare(role))
                read = self._await(link, wire.Prepared)
                if read.error:
                    raise ConfigError(f"persona: {read.error}")
                self._codes[role] = read.codes
        except BaseException:
            link.kill()
            self._drop_board()
            raise
        self._link, self._fault = link, ""
        if self._reserve is not None:
            self._reserve.begin()

    @staticmethod
    def _await(link: Link, kind: type[T]) -> T:
        limit = time.monotonic() + LOAD_S
        while True:
            for message in link.receive():
                if isinstance(message, kind):
                    return message
                if isinstance(message, wire.Broken):
                    raise ConfigError(f"ear.provider = 'moshi': {message.error}")
            if not link.alive or time.monotonic() > limit:
                raise ConfigError("ear.provider = 'moshi': its worker ended before it was ready")
            time.sleep(0.01)

    # -- calls

    @property
    def state(self) -> State:
        gauges = [0] * len(Gauge) if self._board is None else self._board.gauges.tolist()
        shed = LEFT_OUT[Shed(gauges[Gauge.SHED])]
        return State(
            self._fault,
            len(self._seats),
            self._plan.calls,
            self.restarts,
            gauges[Gauge.P50_US] / 1000,
            gauges[Gauge.P90_US] / 1000,
            gauges[Gauge.P99_US] / 1000,
            shed,
            self.lost + sum(seat.lost for seat in self._seats.values()),
        )

    @property
    def reserve_ready(self) -> bool:
        """Whether there is a worker in reserve that has loaded."""
        return self._reserve is not None and self._reserve.ready

    def seated(self, seat: Seat) -> bool:
        return self._seats.get(seat.number) is seat

    def away_for(self) -> float:
        """Seconds for which there has been no worker."""
        if self.away_since is None:
            return 0.0
        return asyncio.get_running_loop().time() - self.away_since

    @property
    def pid(self) -> int | None:
        """Of the worker's process."""
        return None if self._link is None else self._link.pid

    async def prepare(self, role: Role) -> str:
        """Have a role read before a call needs it; what is wrong with it, or nothing.

        Raises TimeoutError where the worker is away, or takes too long.
        """
        self._watch()
        if self._link is None:
            raise TimeoutError("the engine's worker is being replaced")
        answer = self._waiting.setdefault(role, asyncio.get_running_loop().create_future())
        self._post(wire.Prepare(role))
        try:
            return await asyncio.wait_for(asyncio.shield(answer), PREPARE_S)
        except TimeoutError as error:
            self._waiting.pop(role, None)
            raise TimeoutError(str(error) or f"not read within {PREPARE_S:g} s") from None

    def open(self, role: Role) -> Seat:
        """Seat a call; raises NoPlace where there is none, or no time for one."""
        self._watch()
        assert self._board is not None
        state = self.state
        if self._broken:
            raise NoPlace(self._fault)
        busy = state.shed == LEFT_OUT[Shed.NEW_CALLS] or state.tick_p90_ms > ADMIT_MS
        if state.calls and busy and not self._plan.lockstep:
            raise NoPlace(f"a tick of the engine takes {state.tick_p90_ms:.0f} of 80 ms")
        free = next((n for n in range(self._plan.calls) if n not in self._seats), None)
        if free is None:
            raise NoPlace(f"all {self._plan.calls} seats of the engine are taken")
        seat = self._seats[free] = Seat(free, self._board, role, self._post)
        if self._link is None:
            seat.leave()
        else:
            self._enter(seat, 0)
        return seat

    def _enter(self, seat: Seat, replay: int) -> None:
        if codes := self._codes.get(seat.role):  # the file may be gone, and this is quick
            self._post(wire.Prepare(seat.role, codes))
        self._post(seat.enter(replay))

    def close_seat(self, seat: Seat) -> None:
        if self._seats.get(seat.number) is seat:
            self._post(wire.Close(seat.number, seat.serial))
            self.lost += seat.lost
            seat.leave()
            del self._seats[seat.number]

    def poke(self) -> None:
        """A frame was written."""
        if self._link is not None and self._link.fileno() is None:
            self._link.poke()
            self._drain()

    async def close(self) -> None:
        self._closed = True
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        self._unhear()
        if self._link is not None:
            self._link.send(wire.Bye())
            self._link.kill()
            self._link = None
        if self._reserve is not None:
            self._reserve.kill()
        self._drop_board()

    def _drop_board(self) -> None:
        if self._board is not None:
            self._board.close()
            self._board = None

    def _post(self, message: wire.ToWorker) -> None:
        if self._link is not None:
            self._link.send(message)
            if self._link.fileno() is None:
                self._drain()

    # -- the worker

    def _watch(self) -> None:
        if self._watching is None and not self._closed:
            self._hear()
            self._watching = asyncio.create_task(self._look())

    def _hear(self) -> None:
        if self._link is not None and (number := self._link.fileno()) is not None:
            asyncio.get_running_loop().add_reader(number, self._drain)

    def _unhear(self) -> None:
        if self._link is not None and (number := self._link.fileno()) is not None:
            asyncio.get_running_loop().remove_reader(number)

    def _drain(self) -> None:
        if self._link is None:
            return
        if not self._link.alive:
            self._unhear()  # an end of file is readable for ever
        for message in self._link.receive():
            match message:
                case wire.Turned():
                    for seat in self._seats.values():
                        seat.collect()
                case wire.Prepared(role, error, codes):
                    self._read(role, error, codes)
                case wire.Unspoken(number, serial, whisper, error) if number in self._seats:
                    if self._seats[number].serial == serial:
                        self._seats[number].unspoken(whisper, error)

    def _read(self, role: Role, error: str, codes: bytes) -> None:
        waiting = self._waiting.pop(role, None)
        if waiting is not None:
            waiting.set_result(error)
        elif error:
            log.error("a call goes on without its role: %s", error)
        if codes:
            self._codes[role] = codes

    async def _look(self) -> None:
        """Replace the worker whenever it has ended or hangs."""
        loop = asyncio.get_running_loop()
        while True:
            since = loop.time()
            await asyncio.sleep(LOOK_S)
            try:
                if self._link is None or not self._link.alive:
                    await self._replace("ended")
                elif self._hangs() and loop.time() - since < LATE_S:
                    await self._replace("hung")
                elif self._reserve is not None:
                    await self._reserve.keep(begin=not self._behind)
            except (OSError, RuntimeError) as error:  # no memory, process or file to be had
                log.error("no worker can be begun: %s", error)

    @property
    def _behind(self) -> bool:
        """Whether a call is: then there is no time to load another worker."""
        return any(seat.behind for seat in self._seats.values())

    def _hangs(self) -> bool:
        assert self._board is not None
        if self._link is None or self._link.fileno() is None:
            return False
        most = HUNG_S if self.reserve_ready else ALONE_S
        return time.monotonic_ns() - int(self._board.gauges[Gauge.BEAT]) > most * 1e9

    async def _replace(self, how: str) -> None:
        loop = asyncio.get_running_loop()
        log.error("the engine's worker %s (pid %s): another takes over", how, self.pid)
        self._fault = f"its worker {how}: another takes over"
        for role in list(self._waiting):
            self._waiting.pop(role).set_exception(TimeoutError(f"the engine's worker {how}"))
        self.away_since = self.away_since or loop.time()
        self._unhear()
        old, self._link = self._link, None
        for seat in self._seats.values():
            seat.leave()
        if old is not None:
            await asyncio.to_thread(old.kill)
        self._ends.append(loop.time())
        if len(self._ends) == DEATHS and loop.time() - self._ends[0] < DEATHS_S:
            self._fault = f"its workers end again and again: the next one in {DEATHS_S:.0f} s"
            self._broken = True
            await asyncio.sleep(DEATHS_S)
            self._broken = False
        link, loaded = await self._another()
        try:
            attached = await self._attach(link, loaded)
        except BaseException:
            link.kill()
            raise
        if attached:
            self._take_over(link)
        else:
            await asyncio.to_thread(link.kill)  # another is looked for

    async def _another(self) -> tuple[Link, bool]:
        """The one in reserve, told to begin if it has loaded, or a new one."""
        taken = None if self._reserve is None else await self._reserve.take()
        if taken is None:
            return await hired(self._hire), False
        if taken[1]:
            self._begin(taken[0])
        return taken

    def _begin(self, link: Link) -> None:
        assert self._board is not None
        link.send(wire.Attach(self._board.name))

    async def _attach(self, link: Link, loaded: bool) -> bool:
        """Let a worker load and begin; False where it cannot."""
        loop = asyncio.get_running_loop()
        limit = loop.time() + (BEGIN_S if loaded else LOAD_S)
        while link.alive and loop.time() < limit:
            for message in link.receive():
                match message:
                    case wire.Loaded():
                        self._begin(link)
                        limit = loop.time() + BEGIN_S
                    case wire.Ready():
                        return True
                    case wire.Broken(error):
                        log.error("the engine's worker cannot begin: %s", error)
                        return False
            await asyncio.sleep(0.01)
        return False

    def _take_over(self, link: Link) -> None:
        loop = asyncio.get_running_loop()
        self._link = link
        self._hear()
        for seat in self._seats.values():
            self._enter(seat, REPLAY)
        self.restarts += 1
        assert self.away_since is not None
        log.warning("the engine goes on after %.1f s", loop.time() - self.away_since)
        self._fault, self.away_since = "", None
        self.poke()
