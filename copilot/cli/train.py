"""``copilot train``: make anew what ships as data."""

from pathlib import Path

import click

from copilot.cli.benchmarks import memo, packs_in
from copilot.cli.common import JSON, Bars, console, write_json
from copilot.config import Settings


@click.group()
def train() -> None:
    """Train the models that ship with the product, from public data."""


@train.command("gate")
@click.option(
    "--data", "source", required=True, type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the public data sets.",
)  # fmt: skip
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder instead of the package's.",
)
@click.option(
    "--hours", type=click.FloatRange(0.1, 100), default=8.0, show_default=True,
    help="Background talk that the burden is measured on.",
)  # fmt: skip
@JSON
@click.pass_obj
def train_gate(
    settings: Settings, source: Path, out: Path | None, hours: float, json_path: Path | None
) -> None:
    """Learn the query adapter, the order of passages, the detector of questions and the gate."""
    settings.make_data()
    from copilot.evaluate import training
    from copilot.trained import FOLDER

    with Bars() as progress:
        recipe = training.train(
            source, packs_in(settings), out or FOLDER, memo(settings), hours, progress
        )
    console.print(f"trained; wrote {out or FOLDER}")
    if json_path is not None:
        write_json(json_path, recipe)
