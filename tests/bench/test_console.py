"""The bench of the console asks the real pages."""

import io

from rich.console import Console

from copilot.bench import console as pages


def test_pages_are_asked_over_a_store_of_their_own() -> None:
    result = pages.run(calls=60, talked=20, rounds=2)
    rows = result["pages"]
    assert isinstance(rows, list)
    assert len(rows) == 10
    assert all(row["p50_ms"] > 0 and row["kib"] > 1 for row in rows)
    shown = Console(file=io.StringIO(), width=120)
    shown.print(pages.table(result))
    assert "search, a phrase" in shown.file.getvalue()  # type: ignore[attr-defined]
