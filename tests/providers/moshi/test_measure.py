"""The bench of whole calls, and the table of what fits."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.engine.errors import EngineError
from copilot.providers.moshi import fits
from copilot.providers.moshi.measure import plan_for, run

BARE = (
    "import sys, copilot.providers.moshi.measure; "
    "print(*({'pydantic', 'soxr', 'click', 'litestar', 'psutil'} & set(sys.modules)))"
)


def test_calls_are_measured_on_a_cpu(tmp_path: Path) -> None:
    plan = plan_for(tiny=True, window=0, weights="auto", kv="auto", lm="", stt="", device="cpu")
    said: list[str] = []
    run(plan, (1, 2), 1.0, said.append, tmp_path / "calls.json")
    figures = json.loads((tmp_path / "calls.json").read_text())
    assert figures["points"][0]["calls"] == 1
    for point in figures["points"]:
        assert point["ticks"] >= 38
        assert 0 < point["tick_p50_ms"] <= point["tick_p99_ms"]
        assert point["speak_to_audio_p50_ms"] > 80
        assert point["stop_to_silence_p50_ms"] > 0
    assert len(said) == len(figures["points"])


def test_the_bench_runs_where_little_is_installed() -> None:
    told = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""


def test_what_fits_grows_with_memory_and_shorter_windows() -> None:
    gb = 10**9
    small, large = (
        fits.fits("personaplex-7b-v1", "stt-1b-en_fr-candle", size * gb) for size in (80, 141)
    )
    for one, other in zip(small, large, strict=True):
        assert list(one.calls) == sorted(one.calls)
        assert all(a < b for a, b in zip(one.calls, other.calls, strict=True))
    by_kv = {(one.weights, one.kv): one.calls for one in large}
    assert by_kv["bf16", "bf16"][0] < by_kv["int8", "bf16"][0] < by_kv["int8", "fp8"][0]
    # the published shapes: 0.5 MiB a column and 1.57 GB a window of 3000, bf16
    assert 45 < by_kv["bf16", "bf16"][0] < 60
    assert fits.fits("moshiko-7b", "stt-2.6b-en", 16 * gb)[0].calls == (0, 0, 0, 0)
    with pytest.raises(EngineError, match="unknown"):
        fits.fits("gpt", "stt-1b-en_fr", 80 * gb)
