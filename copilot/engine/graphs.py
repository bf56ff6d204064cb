"""Running a tick: at once on a CPU; on a GPU from graphs, with one copy in and one copy out."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from copilot.engine.cache import blocks
from copilot.engine.rows import Rows

_SIZES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
"""Batches that are captured: a tick costs what the next larger one does."""

WARM_UPS = 2
"""Runs before a capture: libraries choose kernels and workspaces in them."""


def sizes(capacity: int) -> tuple[int, ...]:
    """Those up to `capacity`, itself included."""
    return (*(size for size in _SIZES if size < capacity), capacity)


def capture(work: Callable[[], object], pool: Any = None) -> torch.cuda.CUDAGraph:
    """A graph of `work`, which is done WARM_UPS times before: what it writes must bear that.

    Graphs that share a `pool` share memory, so that no two may run at once.
    """
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UPS):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, pool=pool):
        work()
    return graph


class Runner:
    """Ticks of the first rows of a batch.

    `given` and `told` are the host's side of `Rows.given` and `Rows.told`. On a GPU every one of
    `sizes` is captured here, before any row is in use, for every reach and for each of `depths`:
    with and without the depth transformer.
    """

    def __init__(self, rows: Rows, sizes: Sequence[int], depths: Sequence[bool]) -> None:
        self.rows = rows
        self.on_gpu = rows.given.device.type == "cuda"
        given, told = _host(rows.given, self.on_gpu), _host(rows.told, self.on_gpu)
        given.copy_(rows.given)
        self._given, self._told = given, told
        self.given: NDArray[np.int64] = given.numpy()
        self.told: NDArray[np.float32] = told.numpy()
        self._graphs: dict[tuple[int, int, bool], torch.cuda.CUDAGraph] = {}
        if self.on_gpu:
            self._sizes, self._depths = sorted(sizes), tuple(depths)
            self._reaches = _reaches(rows)
            self._done = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._capture_all()

    def run(self, count: int, longest: int, depth: bool) -> None:
        """One tick of the first `count` rows, none of which has consumed more than `longest`
        columns before it; returns when `told` holds what they told."""
        reach = blocks(min(longest + 1, self.rows.window))
        if not self.on_gpu:
            self.rows.given[:count] = self._given[:count]
            self.rows.tick(count, reach, depth)
            self._told[:count] = self.rows.told[:count]
            return
        size = next(size for size in self._sizes if size >= count)
        reach = next(fits for fits in self._reaches if fits >= reach)
        self.rows.given[:size].copy_(self._given[:size], non_blocking=True)
        self._graphs[size, reach, depth].replay()
        self._told[:size].copy_(self.rows.told[:size], non_blocking=True)
        self._done.record()
        self._done.synchronize()

    def _capture_all(self) -> None:
        """The largest first, so that the others fit in the memory it took."""
        pool: Any = torch.cuda.graph_pool_handle()
        for size in reversed(self._sizes):
            for reach in reversed(self._reaches):
                for depth in self._depths:
                    work = partial(self.rows.tick, size, reach, depth)
                    self._graphs[size, reach, depth] = capture(work, pool)


def _reaches(rows: Rows) -> list[int]:
    """How much of the rings a graph reads: a kernel of our own looks at each row's length, other
    attention reads all that it is given."""
    parts = (1,) if rows.cache.fused else (8, 4, 2, 1)
    return sorted({blocks(rows.window // part) for part in parts if rows.window >= part})


def _host(like: Tensor, pinned: bool) -> Tensor:
    return torch.zeros(like.shape, dtype=like.dtype, pin_memory=pinned)
