"""The report says what was measured, the same to people and machines."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from copilot.bench.timing import report, result
from copilot.bench.timing.play import Kind, play
from copilot.bench.timing.scene import Line, Needs, Scene
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party
from copilot.errors import UserError
from copilot.ports import Pinned

SCENE = Scene(
    "a <b>name</b>",
    "what it shows",
    (
        Line(Party.CUSTOMER, "my <700> address", needs=Needs(("test/all#address",))),
        Line(Party.AGENT, "let me see", after=4000),
    ),
)


def test_the_figures_are_read_back_and_compared(
    knows: Callable[..., Pinned], tmp_path: Path
) -> None:
    pinned = knows(address="Free.")
    traces = {kind: [play(SCENE, kind, pinned, Policy())] for kind in Kind}
    found = result.collect("simulated", traces, 1.0)
    file = tmp_path / "before.json"
    file.write_bytes(result.to_json(found))
    before = result.read(file)
    assert before.figures == found.figures
    assert before.scenes == found.scenes
    assert all(row.before == row.got["copilot"] for row in result.rows(found, before))

    page = report.page(found, traces, before)
    assert "a &lt;b&gt;name" in page
    assert "<b>name" not in page
    assert page.count('<svg viewBox="-72') == 2
    console = Console(width=200, file=StringIO())
    console.print(report.table(found, before))
    assert isinstance(console.file, StringIO)
    assert "pause tolerance" in console.file.getvalue()


def test_a_baseline_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    with pytest.raises(UserError, match="not a result of this bench"):
        result.read(file)
