"""The bench of the what-if runs real reruns and compares them with its target."""

import io
from pathlib import Path

from rich.console import Console

from copilot.bench import whatif

SAMPLE = Path(__file__).parents[1] / "calls" / "sample-call.jsonl"


def test_a_what_if_is_a_hundred_times_faster_than_the_call() -> None:
    result = whatif.run([SAMPLE], minutes=5)
    rows = result["calls"]
    assert isinstance(rows, list)
    assert [row["call"] for row in rows] == ["sample-call.jsonl", "synthetic, 5 min"]
    assert rows[0]["searches_reused"] > 20
    assert all(row["times_real_time"] > whatif.TARGET for row in rows)
    console = Console(file=io.StringIO(), width=100)
    console.print(whatif.table(result))
    assert "sample-call.jsonl" in console.file.getvalue()  # type: ignore[attr-defined]
