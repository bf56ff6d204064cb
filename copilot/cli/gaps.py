"""``copilot gaps``: what was asked and not answered."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli.common import JSON, console, write_json
from copilot.cli.stored import Chosen, choosing, open_calls
from copilot.config import Settings

if TYPE_CHECKING:
    from copilot.evaluate.gaps import Gap, Unanswered


@click.command("gaps")
@choosing
@click.option(
    "--pack", "packs", multiple=True, help="Only questions to this pack; may be repeated."
)
@JSON
@click.pass_obj
def gaps(
    settings: Settings, chosen: Chosen, packs: tuple[str, ...], json_path: Path | None
) -> None:
    """Questions that nothing answered: clustered, named, counted per pack and week.

    A passage for the first gap of the list helps most. Small talk is left out.
    """
    from copilot.evaluate.gaptable import figures, render

    found, calls = asyncio.run(_gaps(settings, chosen, packs))
    if not calls:
        console.print(_none(chosen, packs), highlight=False)
    else:
        console.print(render(found, calls), highlight=False)
    if json_path is not None:
        write_json(json_path, figures(found, calls))


def _none(chosen: Chosen, packs: tuple[str, ...]) -> str:
    if packs and chosen.since is None:
        return f"No stored call used the pack {' or '.join(packs)}."
    return chosen.none()


async def _gaps(
    settings: Settings, chosen: Chosen, packs: tuple[str, ...]
) -> "tuple[tuple[Gap, ...], int]":
    from copilot.evaluate.gaps import gaps, unanswered

    questions: list[Unanswered] = []
    count = 0
    async with open_calls(settings, chosen, packs) as calls:
        async for call in calls:
            count += 1
            own = (one for one in unanswered(call) if not packs or one.pack in packs)
            questions += own
    if not questions:
        return (), count
    from copilot.providers import registry
    from copilot.providers.registry import Host

    settings.make_data()
    embedder = registry.embedder(settings.embedder, Host(settings.data / "cache"))
    return gaps(questions, embedder), count
