"""The ear bench: figures that are there, agree with each other, and can be shown."""

import importlib.util
import json
from pathlib import Path

import pytest
from rich.console import Console

from copilot.bench.ear import run, table

RECORDINGS = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "call_audio"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    cache = tmp_path_factory.mktemp("cache")
    return run(seconds=5, calls=1, cache=cache, recordings=cache / "none")


def test_a_small_run_is_json(result: dict[str, object]) -> None:
    assert json.loads(json.dumps(result)) == result
    assert result["bench"] == "ear"


def test_the_figures_make_sense(result: dict[str, object]) -> None:
    loads = result["loads"]
    assert isinstance(loads, list)
    (load,) = loads
    assert load["calls"] == 1
    assert 0 < load["hear_ms"]["p50"] <= load["hear_ms"]["p95"] <= load["hear_ms"]["p99"]
    assert 0 <= load["late_per_1000"] <= 1000
    assert load["own_core_percent"] > 0
    if importlib.util.find_spec("espeakng_loader"):
        assert load["words"] > 3 or load["late_per_1000"]  # late: too little time for words
        assert 0 < load["real_time_factor"] < 3
    batches = result["silero"]
    assert isinstance(batches, list)
    assert [batch["channels"] for batch in batches] == [1, 2, 8, 40]


def test_missing_recordings_are_said_to_be_missing(result: dict[str, object]) -> None:
    assert result["accuracy"] == []
    assert "no " in str(result["skipped"])
    assert "manifest.json" in str(result["skipped"])


def test_the_table_shows_it(result: dict[str, object]) -> None:
    console = Console(width=200, record=True)
    console.print(table(result))
    text = console.export_text()
    assert "p50/p95/p99" in text
    assert "core % a channel" in text
    assert "word errors not measured" in text


def test_people_reading_are_heard(tmp_path: Path) -> None:
    if not (RECORDINGS / "manifest.json").exists():
        pytest.skip(f"no recordings at {RECORDINGS}")
    manifest = json.loads((RECORDINGS / "manifest.json").read_text())
    some = [clip for clip in manifest if clip["file"] == "read_librivox_0930.flac"]
    (tmp_path / "manifest.json").write_text(json.dumps(some))
    (tmp_path / some[0]["file"]).symlink_to((RECORDINGS / some[0]["file"]).resolve())
    result = run(seconds=1, calls=1, cache=tmp_path / "cache", recordings=tmp_path)
    accuracy = result["accuracy"]
    assert isinstance(accuracy, list)
    assert [one["packs"] for one in accuracy] == [False, True]
    assert all(one["clips"] == 1 and one["word_error_percent"] < 100 for one in accuracy)
