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


@train.command("gap")
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
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the calibration on held-out public dialogues to PATH, as SVG.",
)
@JSON
def train_gap(source: Path, out: Path | None, picture: Path | None, json_path: Path | None) -> None:
    """Learn how long a gap lasts: from timed public dialogues, and from synthetic calls."""
    import msgspec

    from copilot.evaluate import gapfit
    from copilot.trained import FOLDER

    with Bars() as progress:
        recipe = gapfit.train(source, out or FOLDER, picture, progress)
    console.print(gapfit.table(recipe))
    if json_path is not None:
        write_json(json_path, msgspec.to_builtins(recipe))
