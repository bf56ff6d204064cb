"""Slots: calls that come, pause, split and go, in one running batch.

Every open slot has a row; rows in use are the first ones, so that a tick costs what is occupied.
An error leaves all slots as they were. Not for more than one thread at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import count

import torch
from torch import Tensor

from copilot.engine.edge import Edge, Plan, SlotInput, SlotOutput
from copilot.engine.errors import EngineError
from copilot.engine.graphs import Runner, sizes
from copilot.engine.lm import KEEP, LanguageModel
from copilot.engine.memory import check_memory, slot_bytes
from copilot.engine.prompt import Prompt, blank, prefix
from copilot.engine.rows import Rows
from copilot.engine.sampling import MAX_SEED, Sampling


@dataclass(frozen=True, eq=False)
class Persona:
    """A prompt as the model remembers it; slots that share it copy it."""

    rows: Rows
    """One row."""
    length: int
    """Columns it has consumed."""
    hidden: Tensor
    """[dim], after the last of them."""
    following: Tensor
    """int64 [rows]: what is known of the next column."""


@dataclass
class _Slot:
    row: int
    position: int
    """Columns consumed."""
    live_from: int
    """The first of them after the prompt."""
    owes: bool
    """Codebook 0 of the next frame of its own voice is still to be given."""
    broken: bool = False


class Slots:
    """At most `rows` slots of one model, each with the last `window` columns in mind.

    `window` is the model's own context unless it is given; `kv` the dtype of keys and values, or
    torch.float8_e4m3fn for half of bfloat16's memory. Raises EngineError where they do not fit.
    """

    def __init__(
        self,
        model: LanguageModel,
        rows: int,
        *,
        window: int | None = None,
        kv: torch.dtype | None = None,
    ) -> None:
        self.model, self.config = model, model.config
        self.window = self.config.context if window is None else window
        self.kv = model.dtype if kv is None else kv
        check_memory(self.config, rows, self.window, self.kv, model.device)
        self.rows = Rows(model, rows, self.window, self.kv)
        depths = (False, True) if self.config.steps else (False,)
        self.runner = Runner(self.rows, sizes(rows), depths)
        self.capacity = rows
        self._slots: dict[int, _Slot] = {}
        self._numbers = count()
        self.edge = Edge(self.config, self.rows.layout)
        self._blank = self.prepare(None)

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def open(self) -> frozenset[int]:
        """Numbers of the slots there are."""
        return frozenset(self._slots)

    @property
    def full(self) -> bool:
        return len(self) == self.capacity

    def prepare(self, prompt: Prompt | None) -> Persona:
        """Let the model read a prompt once, in one pass, for all slots that will share it.

        It takes as much memory as a slot with a window of its length, for as long as it is kept.
        """
        start = blank(self.config) if prompt is None else prefix(prompt, self.config, self.window)
        device = self.model.device
        try:
            rows = Rows(self.model, 1, start.length, self.kv)
            known = None if start.known is None else start.known.to(device)
            hidden = rows.prefill(0, 0, start.columns.to(device), known)[-1]
        except torch.OutOfMemoryError:
            taken = slot_bytes(self.config, start.length, self.kv) / 1e6
            raise EngineError(
                f"a prompt of {start.length} frames takes {taken:.3g} MB, and no memory is left: "
                "let go of another persona, or make Slots with fewer rows"
            ) from None
        if not bool(torch.isfinite(hidden).all()):
            raise EngineError("the prompt: the model computes no numbers from it; give another")
        return Persona(rows, start.length, hidden, start.following.to(device))

    def admit(
        self,
        prompt: Prompt | Persona | None = None,
        sampling: Sampling | None = None,
        *,
        speaks: bool = False,
        text: int | Plan | None = None,
    ) -> int:
        """A new slot, that has the prompt behind it; its number, never given twice.

        `speaks` and `text` are for the first column after the prompt, as in `SlotInput`. Raises
        EngineError where all slots are taken.
        """
        row = self._free_row()
        plan = self.edge.plan(text, "a new slot")
        if speaks and not self.config.steps:
            raise EngineError("a new slot: a recogniser does not speak")
        persona = self._persona(prompt)
        self.rows.copy(persona.rows, 0, row, persona.length)
        self.rows.set_sampling(row, sampling or Sampling())
        given = torch.full((self.rows.layout.width,), KEEP)
        given[self.rows.layout.text] = torch.tensor(plan)
        given[self.rows.layout.following] = persona.following[1:]
        self.rows.seat(row, persona.hidden, given.to(self.model.device), speaks)
        owes = bool(self.config.steps) and not speaks
        return self._opened(_Slot(row, persona.length, persona.length, owes))

    def step(self, inputs: Mapping[int, SlotInput]) -> dict[int, SlotOutput]:
        """One tick of the slots that are named; the others do not move.

        Raises EngineError, and no slot moves, where an input does not fit. A slot of which the
        model computes no numbers is left out of the answer, and is refused from then on.
        """
        if not inputs:
            return {}
        lines = self.runner.given
        lines[:] = KEEP
        lines[:, self.rows.layout.live] = 0
        for number, what in inputs.items():
            slot = self._slot(number)
            self.edge.give(lines[slot.row], what, slot.owes, f"slot {number}")
        longest = max(slot.position for slot in self._slots.values())
        depth = any(what.chooses for what in inputs.values())
        self.runner.run(len(self), longest, depth)
        told = self.runner.told[: len(self)].tolist()
        return {
            number: output
            for number, what in inputs.items()
            if (output := self._moved(self._slots[number], what, told)) is not None
        }

    def fork(self, slot: int, sampling: Sampling | None = None) -> int:
        """A second slot in the same state, which from now on goes its own way.

        It draws as the first does, unless `sampling` is given.
        """
        origin, row = self._slot(slot), self._free_row()
        self.rows.copy(self.rows, origin.row, row, origin.position)
        if sampling is not None:
            self.rows.set_sampling(row, sampling)
        return self._opened(replace(origin, row=row))

    def roll_over(self, slot: int, prompt: Prompt | Persona | None, frames: int) -> None:
        """Let a fresh row take the slot's place between two ticks, so that what it remembers is
        the prompt and its last `frames` frames, fewer where there were not so many.

        What was chosen for the next column stays. It needs a free row while it is done.
        """
        old, row = self._slot(slot), self._free_row()
        if frames < 1:
            raise EngineError(f"slot {slot}: frames = {frames}: expected 1 or more")
        persona = self._persona(prompt)
        kept = min(frames, old.position - old.live_from, self.window - persona.length)
        self.rows.copy(self.rows, old.row, row, 0)
        self.rows.renew(row, persona.rows, persona.length)
        self.rows.seed[row] = (self.rows.seed[row] + 1) & MAX_SEED  # draws are by position
        if kept > 0:
            self.rows.prefill(row, persona.length, self.rows.recent(old.row, old.position, kept))
        self._slots[slot] = replace(
            old, row=row, position=persona.length + kept, live_from=persona.length
        )
        self._close(old)

    def free(self, slot: int) -> None:
        """End a slot; the last row takes its place, so that rows in use stay together."""
        self._slot(slot, broken=True)
        self._close(self._slots.pop(slot))

    def _persona(self, prompt: Prompt | Persona | None) -> Persona:
        if prompt is None:
            return self._blank
        if not isinstance(prompt, Persona):
            return self.prepare(prompt)
        made = prompt.rows
        if made.model is not self.model or made.cache.fp8 != self.rows.cache.fp8:
            raise EngineError("the persona was prepared for other slots: prepare it with these")
        if prompt.length >= self.window:
            raise EngineError(
                f"a persona of {prompt.length} frames: the window of these slots is {self.window}"
            )
        return prompt

    def _free_row(self) -> int:
        if self.full:
            raise EngineError(
                f"all {self.capacity} slots are taken: free one, or make Slots with more rows"
            )
        return len(self)

    def _opened(self, slot: _Slot) -> int:
        number = next(self._numbers)
        self._slots[number] = slot
        return number

    def _slot(self, number: int, broken: bool = False) -> _Slot:
        slot = self._slots.get(number)
        if slot is None:
            known = ", ".join(map(str, self._slots)) or "none"
            raise EngineError(f"slot {number}: not open (freed, or never admitted); open: {known}")
        if slot.broken and not broken:
            raise EngineError(
                f"slot {number}: at position {slot.position} the model computed no numbers; free "
                "it and admit another"
            )
        return slot

    def _moved(self, slot: _Slot, what: SlotInput, told: list[list[float]]) -> SlotOutput | None:
        output = self.edge.hear(told[slot.row], slot.position)
        slot.position += 1
        slot.owes = bool(self.config.steps) and not what.speaks and what.onset is None
        slot.broken = output is None
        return output

    def _close(self, slot: _Slot) -> None:
        """Let go of a row: the last one in use moves into it.

        What computes no numbers is wiped from every row that it leaves: attention gives keys and
        values beyond a row's position no weight, but nothing times NaN is NaN.
        """
        if slot.broken:
            self.rows.clear(slot.row)
        last = max(self._slots.values(), key=lambda one: one.row, default=slot)
        empty = slot.row
        if last.row > slot.row:
            self.rows.copy(self.rows, last.row, slot.row, last.position)
            empty, last.row = last.row, slot.row
            if last.broken:
                self.rows.clear(empty)
        self.rows.position[empty] = 0  # nothing of it is to be read in a batch that is rounded up
