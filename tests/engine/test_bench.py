"""The bench runs on what is there, writes as it goes, and says what it left out."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from copilot.cli import main
from copilot.engine.bench import check, measure, sections
from copilot.engine.bench.__main__ import main as bench
from copilot.engine.bench.measure import key_bytes, weight_bytes
from copilot.engine.bench.picture import picture
from copilot.engine.bench.run import run, wrong
from copilot.engine.edge import SlotInput
from copilot.engine.errors import EngineError
from copilot.engine.presets import LmConfig, lm_preset


@pytest.fixture(autouse=True)
def _few_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "TICKS", (3, 5))


def test_figures_of_a_tiny_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sections.MOST_SLOTS, "cpu", 8)
    monkeypatch.setitem(sections.CODEC_ROWS, "cpu", (1, 2))
    told: list[str] = []
    figures = run(
        preset="tiny",
        sections=("check", "float", "stt", "codec", "prompts"),
        out=tmp_path / "new",
        point_seconds=0,
        device="cpu",
        say=told.append,
    )
    points = figures["points"]
    checks = [point for point in points if point["section"] == "check"]
    timed = [point for point in points if point["section"] != "check"]
    assert {point["section"] for point in timed} == {
        "listen",
        "speak",
        "recognise",
        "codec",
        "prompts",
    }
    assert len(told) == len(points) + len(figures["left_out"])
    for point in timed:
        assert 0 < point["p50_ms"] <= point["p99_ms"]
    assert [(point["worst"], point["fits"]) for point in checks] == [(0, True)] * 4
    written = json.loads((tmp_path / "new" / "engine.json").read_text())
    assert written["points"] == points
    assert (tmp_path / "new" / "engine.svg").read_text().count("<polyline") == 2 * 6
    name = "listen tiny fp32 fp32 full: a slot alone over one of 8"
    assert figures["ratios"][name] > 2


def test_a_check_that_does_not_fit_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slot that hears something else when it is alone, and a tensor that is left behind."""
    heard, kept = check._input, []

    def deaf(config: LmConfig, dice: np.random.Generator, tick: int) -> SlotInput:
        kept.append(torch.zeros(1))
        return heard(config, np.random.default_rng(len(kept)), tick)

    monkeypatch.setattr(check, "_input", deaf)
    monkeypatch.setattr(sys, "argv", ["bench", "--sections", "check", "--device", "cpu"])
    assert bench() == 1
    assert "2 of the checks do not fit" in capsys.readouterr().err


def test_nothing_is_begun_that_cannot_end() -> None:
    figures = run(seconds=0, sections=("float", "prompts"), device="cpu", say=lambda _: None)
    assert not figures["points"]
    assert [one["why"] for one in figures["left_out"]] == ["no time left", "no time left"]


def test_without_the_reference_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "moshi", None)
    figures = run(sections=("reference",), moshi=tmp_path, device="cpu", say=lambda _: None)
    assert figures["left_out"][0]["left_out"] == "reference"


def test_an_unknown_section() -> None:
    with pytest.raises(EngineError, match="section 'flaot': unknown; there are check, "):
        run(sections=("flaot",))


def test_bytes_are_those_of_the_published_sizes() -> None:
    """14.75 GB of weights with eight depth steps, 524,288 bytes of keys and values a position."""
    config = lm_preset("personaplex-7b-v1")
    assert weight_bytes(config, 2, depth=True) / 1e9 == pytest.approx(14.75, abs=0.01)
    assert key_bytes(config, torch.bfloat16, 1) == 524_288


def test_the_committed_figures_are_those_of_the_page() -> None:
    """And what a slot costs falls as their number doubles."""
    root = Path(__file__).resolve().parents[2]
    figures = json.loads((root / "tests" / "bench" / "engine-cpu.json").read_text())
    assert not wrong(figures)
    full = [one for one in figures["points"] if one.get("context") == "full"]
    float32 = [one for one in full if (one["weights"], one["kv"]) == ("fp32", "fp32")]
    took = {(one["section"], one["preset"], one["slots"]): one["p50_ms"] for one in float32}
    page = (root / "docs" / "engine.md").read_text()
    for slots in (1, 8, 32):
        cells = [
            f"{took[section, preset, slots]:.1f}"
            for section in ("listen", "speak")
            for preset in ("small", "moshi 0.2.13")
        ]
        assert f"| {slots} | {' | '.join(cells)} |" in page
    for section in ("listen", "speak"):
        costs = [took[section, "small", slots] / slots for slots in (1, 2, 4, 8, 16, 32)]
        assert costs == sorted(costs, reverse=True)


def test_a_picture_of_nothing() -> None:
    assert picture([], "title").count("title") == 1


def test_as_a_command(tmp_path: Path) -> None:
    command = ["bench", "engine", "--preset", "tiny", "--sections", "prompts", "--json"]
    done = CliRunner().invoke(main, [*command, str(tmp_path / "engine.json")])
    assert done.exit_code == 0
    figures = json.loads((tmp_path / "engine.json").read_text())
    assert len(figures["points"]) == 3
    assert "fork at full context" in done.output
    assert CliRunner().invoke(main, ["bench", "engine", "--sections", "x"]).exit_code == 2
