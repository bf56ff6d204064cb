"""The process that a worker has for itself."""

import signal
from multiprocessing.connection import Connection

import torch

from copilot.engine.errors import EngineError
from copilot.providers.moshi import wire
from copilot.providers.moshi.board import Board
from copilot.providers.moshi.models import Models, make
from copilot.providers.moshi.plan import Plan, kept
from copilot.providers.moshi.worker import Worker

NAP_S = 0.002
"""How long the worker sleeps before it looks for frames again."""
WAITS_S = 0.5
"""How often a worker in reserve says that it lives."""


def main(connection: "Connection[bytes, bytes]", plan: Plan) -> None:
    """Load, wait to be attached, and work until the other side closes or says goodbye."""
    # Ctrl-C reaches the whole process group; this process ends with its parent's pipe
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)  # with one, calls do not depend on each other to the bit

    def say(message: wire.FromWorker) -> None:
        connection.send_bytes(wire.encode(message))

    try:
        models = make(plan)
        say(loaded(models))
        while not connection.poll(WAITS_S):
            say(wire.Waiting())
        attached = wire.to_worker.decode(connection.recv_bytes())
        if not isinstance(attached, wire.Attach):
            return
        board = board_of(models, plan, attached.board)
        worker = Worker(models, plan, board, say)
        worker.warm_up()
        worker.beat()
        say(wire.Ready())
        _work(worker, connection)
    except EngineError as error:
        say(wire.Broken(str(error)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # the parent has gone; nobody is left to tell


def loaded(models: Models) -> wire.Loaded:
    delay = models.stt.config.delay_ticks
    return wire.Loaded(str(models.device), delay, models.lm.config.rows, models.window)


def board_of(models: Models, plan: Plan, name: str) -> Board:
    return Board.attach(name, plan.calls, models.lm.config.rows, kept(models.window))


def _work(worker: Worker, connection: "Connection[bytes, bytes]") -> None:
    while True:
        while connection.poll(0 if worker.due() or worker.reads else NAP_S):
            command = wire.to_worker.decode(connection.recv_bytes())
            if isinstance(command, wire.Bye):
                return
            worker.take(command)
            worker.beat()
        if worker.due():
            worker.turn()
        else:
            worker.read_on()
        worker.beat()
