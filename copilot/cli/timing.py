"""``copilot bench timing``: when the copilot speaks, over scripted calls."""

import sys
from pathlib import Path

import click

from copilot.cli.common import JSON, Bars, console, write_bytes
from copilot.config import Settings


@click.command("timing")
@click.option("--simulated", is_flag=True, help="In simulated time, with a scripted ear.")
@click.option(
    "--scenes",
    "folder",
    type=click.Path(path_type=Path, exists=True),
    help="A YAML file of scenes, or a folder of them, in place of the bench's own.",
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
    folder: Path | None,
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

    if not simulated:
        raise click.UsageError("say how: --simulated")
    scenes = scene.chosen(scene.load(folder or scene.SCENES), names)
    before = result.read(baseline) if baseline is not None else None
    with Bars() as progress:
        found, traces = run.simulated(settings, scenes, progress)
    console.print(report.table(found, before))
    console.print(report.faults(found))
    if html_path is not None:
        write_bytes(html_path, report.page(found, traces, before).encode())
    if json_path is not None:
        write_bytes(json_path, result.to_json(found))
    if not all(row.met for row in result.rows(found)):
        sys.exit(1)
