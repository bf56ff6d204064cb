"""``copilot evaluate``: how good it was, and how good it would have been under another policy."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from copilot.cli.benchmarks import ablation, grounding, scope, silence, star, turns
from copilot.cli.common import JSON, Bars, console, errors, write_bytes, write_json
from copilot.cli.stored import Chosen, choosing, open_calls
from copilot.config import Settings, policy_changes, policy_file
from copilot.errors import UserError

if TYPE_CHECKING:
    from copilot.core.events import CallStarted, EvidenceFound, Search
    from copilot.evaluate.calls import Quality
    from copilot.evaluate.experiment import Experiment
    from copilot.evaluate.whatif import Change
    from copilot.retrieval.library import Library


@click.group()
def evaluate() -> None:
    """Measure quality: of calls as they were, and under another policy."""


for benchmark in (turns, silence, scope, star, ablation, grounding):
    evaluate.add_command(benchmark)


@evaluate.command("calls")
@choosing
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the reliability diagram to PATH (SVG).",
)
@JSON
@click.pass_obj
def evaluate_calls(
    settings: Settings, chosen: Chosen, picture: Path | None, json_path: Path | None
) -> None:
    """Precision, recall, calibration, burden and lead of calls that were.

    What was needed is known from what agents did with their cards and from labels; beside
    CALL.jsonl the questions of a scripted call may stand in CALL.questions.json.
    """
    from copilot.evaluate.calls import figures, render
    from copilot.evaluate.reliability import svg

    found = asyncio.run(_quality(settings, chosen))
    if not found.calls:
        console.print(chosen.none(), highlight=False)
    else:
        console.print(render(found), highlight=False)
    if picture is not None:
        title = f"Support and use in {found.calls} call{'s' * (found.calls != 1)}"
        write_bytes(picture, svg(found.calibration, title).encode())
    if json_path is not None:
        write_json(json_path, figures(found))


async def _quality(settings: Settings, chosen: Chosen) -> "Quality":
    from copilot.evaluate.calls import Tally

    tally = Tally()
    async with open_calls(settings, chosen) as calls:
        async for call in calls:
            tally.add(call)
    return tally.quality()


FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@evaluate.command("whatif")
@choosing
@click.option("--policy", type=FILE, help="TOML file with a section [policy], or its keys alone.")
@click.option(
    "--set", "values", multiple=True, metavar="KEY=VALUE", help="One value of the policy."
)
@click.option("--text-only", is_flag=True, help="Without the duplex model's wish and guesses.")
@click.option("--against", type=FILE, help="Compare with this policy, not with what happened.")
@click.option("--replayed", is_flag=True, help="Compare with a rerun under each call's own policy.")
@click.option("--search/--no-search", default=True, help="Search anew for queries that are new.")
@JSON
@click.pass_obj
def evaluate_whatif(
    settings: Settings,
    chosen: Chosen,
    policy: Path | None,
    values: tuple[str, ...],
    text_only: bool,
    against: Path | None,
    replayed: bool,
    search: bool,
    json_path: Path | None,
) -> None:
    """Run calls again under another policy, and compare with what happened.

    Each call keeps its own policy but for the values that are given. Words, touches and the
    answers of search come from its log; no audio is needed.
    """
    from copilot.evaluate.experiment import changed
    from copilot.evaluate.sides import figures, render

    changes = {**(policy_file(policy) if policy else {}), **policy_changes(_pairs(values), "--set")}
    if not changes and not text_only:
        raise UserError("say what to change: --policy FILE, --set KEY=VALUE or --text-only")
    base: Change | None = changed({}) if replayed else None
    names = ("as it was", _name(policy, changes) or "text only")
    if against is not None:
        base, names = changed(policy_file(against)), (against.stem, names[1])
    elif replayed:
        names = ("replayed", names[1])
    found = asyncio.run(_whatif(settings, chosen, changed(changes), base, search, text_only))
    if not found.totals.calls:
        console.print(chosen.none(), highlight=False)
    else:
        console.print(render(found, *names), highlight=False)
    if json_path is not None:
        write_json(json_path, {"changes": changes, **figures(found)})


async def _whatif(
    settings: Settings,
    chosen: Chosen,
    change: "Change",
    base: "Change | None",
    search: bool,
    without: bool,
) -> "Experiment":
    from copilot.evaluate.experiment import experiment

    with Bars() as bars:
        async with Knowledge(settings) as knowledge, open_calls(settings, chosen) as calls:
            total = len(chosen.logs)
            seek = knowledge.seek if search else None

            def progress(done: int) -> None:
                if total:
                    bars("running again", done, total)

            return await experiment(calls, change, base, seek, progress, without)


class Knowledge:
    """The packs in use, opened when a call first needs them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._library: Library | None = None
        self._failed = False

    async def __aenter__(self) -> "Knowledge":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def seek(self, started: "CallStarted", search: "Search") -> "EvidenceFound | None":
        """Search as the call did; None unless its packs' versions and its model are in use."""
        from copilot.evaluate.whatif import search_anew

        library = await self._open()
        if library is None or not started.packs or set(started.packs) - set(library.refs()):
            return None
        pinned = library.pin(tuple(ref.split("@")[0] for ref in started.packs))
        if pinned.need != started.need:
            return None  # its signals would not mean to the call's model what they say
        return await search_anew(pinned.retriever, search)

    async def _open(self) -> "Library | None":
        from copilot.assemble import shelves

        if self._library is None and not self._failed:
            try:
                self._library = await self._stack.enter_async_context(shelves(self._settings))
            except UserError as error:
                self._failed = True
                errors.print(f"no new searches: {error}", highlight=False, soft_wrap=True)
        return self._library


def _pairs(values: tuple[str, ...]) -> Mapping[str, str]:
    """``KEY=VALUE`` each."""
    pairs = [value.partition("=") for value in values]
    for key, sign, _ in pairs:
        if not sign:
            raise UserError(f"--set {key}: write KEY=VALUE, as min_support=60")
    return {key.strip(): value.strip() for key, _, value in pairs}


def _name(policy: Path | None, changes: Mapping[str, Any]) -> str:
    """What the other policy is called in the table."""
    if policy is not None or len(changes) > 2:
        return policy.stem if policy else "what if"
    return ", ".join(f"{key} {_told(value)}" for key, value in changes.items())


def _told(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
