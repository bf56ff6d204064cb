"""The search bench: figures that are there and make sense."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from copilot.bench.search import run, table
from copilot.ports import Embedder


def test_a_small_run(embedder: Embedder, request: pytest.FixtureRequest) -> None:
    """`embedder` has filled the cache that the bench then uses."""
    assert request.config.cache is not None
    result = run(passages=40, queries=5, cache=Path(request.config.cache.mkdir("embedder")))
    assert json.loads(json.dumps(result)) == result
    assert result["bench"] == "search"
    sizes = result["sizes"]
    assert isinstance(sizes, list)
    assert [size["passages"] for size in sizes] == [4, 40]
    for size in sizes:
        for part in ("embed", "dense", "lexical", "whole"):
            assert 0 < size[part]["p50"] <= size[part]["p95"] <= size[part]["p99"]
        assert size["whole"]["p50"] > size["lexical"]["p50"]
    console = Console(width=200, record=True)
    console.print(table(result))
    assert "whole ms p50 / p95 / p99" in console.export_text()
