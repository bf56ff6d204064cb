"""The index bench: figures that are there and make sense."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from copilot.bench.indexing import run, table


@pytest.mark.usefixtures("embedder")
def test_a_small_run(request: pytest.FixtureRequest) -> None:
    assert request.config.cache is not None
    told: list[str] = []
    result = run(
        passages=60,
        cache=Path(request.config.cache.mkdir("embedder")),
        progress=lambda what, done, of: told.append(what),
    )
    assert json.loads(json.dumps(result)) == result
    assert (result["passages"], result["changed_passages"]) == (60, 1)
    runs = result["runs"]
    assert isinstance(runs, dict)
    assert runs["new"]["seconds"] > runs["changed"]["seconds"] > 0
    assert runs["new"]["embedding_s"] > runs["changed"]["embedding_s"] > 0
    assert runs["nothing_changed"]["embedding_s"] == runs["nothing_changed"]["storing_s"] == 0
    assert {"indexing bench", "storing bench"} == set(told)
    console = Console(width=100, record=True)
    console.print(table(result))
    assert "1 of them changed" in console.export_text()
