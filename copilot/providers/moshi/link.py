"""How the serving process reaches a worker: in a process of its own, or in this one for tests."""

import contextlib
import multiprocessing
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Protocol

from copilot.providers.moshi import wire
from copilot.providers.moshi.board import Board
from copilot.providers.moshi.plan import Plan


class Link(Protocol):
    """One worker."""

    @property
    def alive(self) -> bool: ...

    @property
    def pid(self) -> int | None: ...

    def fileno(self) -> int | None:
        """Readable when there is something to receive; None: ask after each `poke`."""
        ...

    def send(self, message: wire.ToWorker) -> None:
        """Lost where the worker is gone: its end is noticed elsewhere."""
        ...

    def receive(self) -> list[wire.FromWorker]: ...

    def poke(self) -> None:
        """A frame was written."""
        ...

    def kill(self) -> None: ...


Hire = Callable[[], Link]
"""Begins a worker, which loads and then says so."""


class ProcessLink:
    """A worker in a process of its own, so that its steps never hold up the calls' event loop."""

    def __init__(self, plan: Plan) -> None:
        from copilot.providers.moshi.child import main

        context = multiprocessing.get_context("spawn")
        self._mine: Connection[bytes, bytes]
        self._mine, theirs = context.Pipe()
        self._process = context.Process(target=main, args=(theirs, plan), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def fileno(self) -> int | None:
        return self._mine.fileno()

    def send(self, message: wire.ToWorker) -> None:
        with contextlib.suppress(OSError):
            self._mine.send_bytes(wire.encode(message))

    def receive(self) -> list[wire.FromWorker]:
        told: list[wire.FromWorker] = []
        with contextlib.suppress(EOFError, OSError):
            while self._mine.poll():
                told.append(wire.from_worker.decode(self._mine.recv_bytes()))
        return told

    def poke(self) -> None: ...

    def kill(self) -> None:
        self._process.kill()
        self._process.join(5)
        self._mine.close()


class LocalLink:
    """A worker in this process, which hears a frame as soon as it is written."""

    def __init__(self, plan: Plan, models: object = None) -> None:
        from copilot.providers.moshi.child import board_of, loaded
        from copilot.providers.moshi.models import Models, make
        from copilot.providers.moshi.worker import Worker

        made = models if isinstance(models, Models) else make(plan)
        self._told: deque[wire.FromWorker] = deque([loaded(made)])
        self._board: Board | None = None

        def attach(name: str) -> Worker:
            self._board = board_of(made, plan, name)
            return Worker(made, plan, self._board, self._told.append)

        self._attach = attach
        self.worker: Worker | None = None
        self.alive = True
        self.pid = None

    def fileno(self) -> int | None:
        return None

    def send(self, message: wire.ToWorker) -> None:
        if not self.alive:
            return
        if isinstance(message, wire.Attach):
            self.worker = self._attach(message.board)
            self._told.append(wire.Ready())
        elif self.worker is not None:
            self.worker.take(message)
            while self.worker.read_on():
                pass

    def receive(self) -> list[wire.FromWorker]:
        told = list(self._told)
        self._told.clear()
        return told

    def poke(self) -> None:
        if self.worker is not None and self.alive:
            while self.worker.turn():
                pass
            self.worker.beat()

    def kill(self) -> None:
        self.alive, self.worker = False, None
        if self._board is not None:
            self._board.close()
            self._board = None
