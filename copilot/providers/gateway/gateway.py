"""A background model over several routes: the best one that is well, and the next when it fails."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from copilot.ports import Piece, Prompt, RouteTried
from copilot.providers.gateway.lane import Lane
from copilot.providers.gateway.models import RouteModel
from copilot.providers.gateway.race import Clock, Runner, race
from copilot.providers.gateway.settings import Options
from copilot.providers.redact import Mask, Redactor

_LONG = 8_000
"""Letters; masking more takes a good part of a tick, and is done beside the calls' loop."""


class Gateway:
    """`copilot.ports.Mind` over the routes of the settings; of one event loop."""

    def __init__(self, options: Options, redactor: Redactor, now: Clock = time.monotonic) -> None:
        self._options = options
        self._redactor = redactor
        self._now = now
        self._models = {route.label: RouteModel(route) for route in options.routes}
        self.lanes = [Lane(route, options) for route in options.routes]

    @property
    def destinations(self) -> Sequence[str]:
        return sorted({model.url for model in self._models.values()})

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The answer as it comes; what a route may not see is masked, and put back in the answer.

        Raises MindError when no route has one.
        """
        async with aclosing(self.through(self.lanes, prompt)) as pieces:
            async for piece in pieces:
                yield piece

    def of(self, team_id: str) -> "Gateway | TeamGateway | None":
        """By the routes that are everybody's or the team's."""
        lanes = [one for one in self.lanes if one.route.serves(team_id)]
        if len(lanes) == len(self.lanes):
            return self
        return TeamGateway(self, lanes) if lanes else None

    async def through(self, routes: Sequence[Lane], prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """The answer by one of these routes."""
        now = self._now()
        lanes = sorted((one for one in routes if one.usable(now)), key=lambda one: one.order)
        if len(lanes) == 1:
            lanes *= 2  # the only route keeps itself company, and has a second try
        mask = self._redactor.mask()
        if len(prompt.matter) > _LONG:
            hidden = prompt._replace(matter=await asyncio.to_thread(mask.hide, prompt.matter))
        else:
            hidden = prompt._replace(matter=mask.hide(prompt.matter))
        trusted = {one.route.label for one in lanes if one.route.trusted}

        def begin(lane: Lane) -> Runner:
            given = prompt if lane.route.trusted else hidden
            return Runner(lane, self._models[lane.route.label], given, self._now)

        async with (
            aclosing(race(lanes, begin, self._now, self._options.hedge)) as pieces,
            aclosing(_revealed(pieces, mask, trusted)) as revealed,
        ):
            async for piece in revealed:
                yield piece

    async def try_routes(self, prompt: Prompt, seconds: float) -> Sequence[RouteTried]:
        """Ask every route once, also one that is not used just now, and wait so long at most."""
        return await self.tried(self.lanes, prompt, seconds)

    async def tried(
        self, routes: Sequence[Lane], prompt: Prompt, seconds: float
    ) -> Sequence[RouteTried]:
        """The same for these routes alone."""
        return await asyncio.gather(*(self._try(lane, prompt, seconds) for lane in routes))

    async def _try(self, lane: Lane, prompt: Prompt, seconds: float) -> RouteTried:
        label = lane.route.label
        if not lane.route.trusted:
            prompt = prompt._replace(matter=self._redactor.mask().hide(prompt.matter))
        began = self._now()
        runner = Runner(lane, self._models[label], prompt, self._now)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.wait([runner.first])
                first = self._now() - began
                async for _ in runner.pieces():
                    pass
        except TimeoutError:
            return RouteTried(label, f"no whole answer within {seconds:g} s")
        finally:
            await runner.stop()
        if runner.fault is not None:
            return RouteTried(label, str(runner.fault))
        return RouteTried(label, "", round(1000 * first), round(1000 * (self._now() - began)))

    def state(self) -> Mapping[str, object]:
        """How the routes do, and a `notice` where none of them is well."""
        return self.states(self.lanes)

    def states(self, routes: Sequence[Lane]) -> Mapping[str, object]:
        """The same for these routes alone."""
        now = self._now()
        told: dict[str, object] = {"routes": [lane.state(now) for lane in routes]}
        if not any(lane.usable(now) for lane in routes):
            faults = "; ".join(f"{lane.route.label}: {lane.fault}" for lane in routes)
            told["notice"] = f"No background model is usable now ({faults}); cards stay as found."
        return told

    async def close(self) -> None:
        for model in self._models.values():
            await model.close()


class TeamGateway:
    """`copilot.ports.Mind` over some of a gateway's routes."""

    def __init__(self, whole: Gateway, lanes: Sequence[Lane]) -> None:
        self._whole = whole
        self._lanes = lanes

    def answer(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        return self._whole.through(self._lanes, prompt)

    def of(self, team_id: str) -> "Gateway | TeamGateway | None":
        return self._whole.of(team_id)

    async def try_routes(self, prompt: Prompt, seconds: float) -> Sequence[RouteTried]:
        return await self._whole.tried(self._lanes, prompt, seconds)

    def state(self) -> Mapping[str, object]:
        return self._whole.states(self._lanes)

    @property
    def destinations(self) -> Sequence[str]:
        return self._whole.destinations

    async def close(self) -> None:
        """The whole gateway is closed by whoever made it."""


async def _revealed(
    pieces: AsyncGenerator[Piece, None], mask: Mask, trusted: set[str]
) -> AsyncGenerator[Piece, None]:
    """The pieces with what was masked put back, a mask that two pieces share among them."""
    held, anew, route = "", False, ""
    async for piece in pieces:
        held = piece.text if piece.anew else held + piece.text
        anew, route = anew or piece.anew, piece.route
        whole, held = (held, "") if route in trusted else mask.split(held)
        if whole:
            yield Piece(mask.reveal(whole), anew, route)
            anew = False
    if held:
        yield Piece(mask.reveal(held), anew, route)
