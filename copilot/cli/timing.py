"""``copilot bench timing``: when the copilot speaks, over scripted calls."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from copilot.cli.common import JSON, Bars, console, write_bytes
from copilot.config import Settings
from copilot.errors import UserError

if TYPE_CHECKING:
    from copilot.bench.timing.network import Network
    from copilot.bench.timing.result import Result
    from copilot.bench.timing.run import Progress, Traces
    from copilot.bench.timing.scene import Scene


@click.command("timing")
@click.option("--simulated", is_flag=True, help="In simulated time, with a scripted ear.")
@click.option("--live", is_flag=True, help="Over real WebRTC, with the ear of the settings.")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="LOSS[,JITTER]",
    help="Of --live: percent of packets lost and ms of jitter; by default 0, 1, 5 and 5,30.",
)
@click.option(
    "--scenes",
    "folder",
    type=click.Path(path_type=Path, exists=True),
    help="A YAML file of scenes, or a folder of them, in place of the bench's own.",
)
@click.option(
    "--strangers",
    is_flag=True,
    help="Scenes written without sight of what the copilot does, in place of the bench's own.",
)
@click.option("--scene", "names", multiple=True, help="Only scenes of this name or file.")
@click.option(
    "--html", "html_path", type=click.Path(path_type=Path), help="Write the report to PATH."
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Figures of an earlier run, made with --json, to compare with.",
)
@JSON
@click.pass_obj
def timing(
    settings: Settings,
    simulated: bool,
    live: bool,
    networks: tuple[str, ...],
    folder: Path | None,
    strangers: bool,
    names: tuple[str, ...],
    html_path: Path | None,
    baseline: Path | None,
    json_path: Path | None,
) -> None:
    """When the copilot speaks: scripted calls with what must and must not come of each moment.

    The same calls are run against a naive policy that whispers at the end of every utterance. The
    exit code is 1 where a target is not reached.
    """
    from copilot.bench.timing import report, result, run, scene

    if simulated == live:
        raise click.UsageError("say how: --simulated or --live")
    if strangers and folder is not None:
        raise click.UsageError("say which: --scenes or --strangers")
    own = scene.STRANGERS if strangers else scene.SCENES
    scenes = scene.chosen(scene.load(folder or own), names)
    before = result.read(baseline) if baseline is not None else None
    with Bars() as progress:
        if live:
            found, traces = _live(settings, scenes, names, networks, progress)
        else:
            found, traces = run.simulated(settings, scenes, progress)
    console.print(report.table(found, before))
    console.print(report.faults(found))
    if html_path is not None:
        write_bytes(html_path, report.page(found, traces, before).encode())
    if json_path is not None:
        write_bytes(json_path, result.to_json(found))
    if not all(row.met for row in result.rows(found)):
        sys.exit(1)


def _live(
    settings: Settings,
    scenes: "Sequence[Scene]",
    names: tuple[str, ...],
    networks: tuple[str, ...],
    progress: "Progress",
) -> "tuple[Result, Traces]":
    from copilot.bench.timing.network import NETWORKS
    from copilot.demo.timing import live

    chosen = [one for one in scenes if one.live or names]
    asked = [_network(text) for text in networks] or NETWORKS
    return live.run(settings, chosen, progress, asked)


def _network(text: str) -> "Network":
    """``5,30``: percent lost, ms of jitter; raises UserError."""
    from copilot.bench.timing.network import Network

    loss, _, jitter = text.partition(",")
    if not loss.isdecimal() or not (jitter or "0").isdecimal() or int(loss) > 50:
        raise UserError(f"--network {text}: write LOSS or LOSS,JITTER, as 5,30")
    return Network(int(loss), int(jitter or 0))
