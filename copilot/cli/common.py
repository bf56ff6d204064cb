"""What every command shares: consoles, progress, and figures written as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from copilot.errors import UserError

console = Console()
errors = Console(stderr=True)


def _quiet(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> Path | None:
    """Figures that are printed stand alone, for programs to read."""
    console.quiet = str(path) == "-"
    return path


JSON = click.option(
    "--json",
    "json_path",
    type=click.Path(path_type=Path, allow_dash=True),
    callback=_quiet,
    help="Write the figures to PATH; - prints them alone.",
)


def report(
    result: dict[str, object], table: Callable[[dict[str, object]], Any], path: Path | None
) -> None:
    console.print(table(result))
    if path is not None:
        write_json(path, result)


def write_json(path: Path, figures: dict[str, object]) -> None:
    write_bytes(path, json.dumps(figures, indent=2, ensure_ascii=False).encode() + b"\n")


def write_bytes(path: Path, content: bytes) -> None:
    if str(path) == "-":
        click.echo(content, nl=False)
        return
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None
    errors.print(f"wrote {path}", style="dim")


class Bars:
    """A bar for work that takes longer than a blink; called as ``(what, done, of)``."""

    def __enter__(self) -> Callable[[str, int, int], None]:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        quiet = not errors.is_terminal
        self._bar = Bar(*columns, console=errors, transient=True, disable=quiet)
        self._tasks: dict[str, Any] = {}
        return self._tell

    def __exit__(self, *_: object) -> None:
        if self._tasks:
            self._bar.stop()

    def _tell(self, what: str, done: int, of: int) -> None:
        if not self._tasks:
            self._bar.start()
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=of)
        self._bar.update(self._tasks[what], completed=done, total=of)
        if done >= of and all(task.finished for task in self._bar.tasks):
            self._bar.stop()
            self._tasks.clear()
