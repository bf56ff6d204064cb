"""``copilot models`` as an admin types it, wide and on a narrow terminal."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from copilot.cli import main
from copilot.engine.checkpoints import CHECKPOINTS
from tests.cli.hubserver import serving
from tests.engine.disk import placed

Command = Callable[..., str]
MOSHI, PERSONAPLEX = CHECKPOINTS["moshiko-7b"], CHECKPOINTS["personaplex-7b-v1"]
STT = CHECKPOINTS["stt-2.6b-en"]
NAMED = {"model_type": "personaplex", "version": "7b-v1"}


@pytest.fixture(params=[60, 120])
def models(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """Runs ``copilot models …`` and gives what it prints, in one line."""
    monkeypatch.setenv("COPILOT_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", str(request.param))

    def run(*words: str, status: int = 0) -> str:
        result = CliRunner().invoke(main, ["models", *words])
        assert result.exit_code == status, result.output
        tables = [line for line in result.stdout.splitlines() if "/" not in line]
        assert all(len(line) <= request.param for line in tables)
        return " ".join(result.output.split())

    return run


def test_nothing_is_here(models: Command, tmp_path: Path) -> None:
    said = models("list")
    assert "personaplex-7b-v1 no 17.1 GB duplex, role and voice" in said
    assert f"To bring what is missing to {tmp_path}/models" in said
    assert said.endswith(f"copilot models fetch stt-2.6b-en CC-BY 4.0: {STT.page}")
    assert "holds no model; see `copilot models list`." in models("verify")


def test_one_is_whole_and_one_is_not(models: Command, tmp_path: Path) -> None:
    placed(MOSHI, tmp_path / "models" / MOSHI.name, {})
    folder = placed(PERSONAPLEX, tmp_path / "models" / PERSONAPLEX.name, NAMED)
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(10**9)
    (folder / "voices" / "NATF0.pt").unlink()
    said = models("list")
    assert "moshiko-7b yes 15.8 GB" in said
    assert "personaplex-7b-v1 3 of 5" in said
    assert "fetch personaplex-7b-v1 model.safetensors: cut short: " in said
    assert "voices.tgz: 1 of 18 voices missing" in said
    assert "copilot models fetch moshiko-7b" not in said
    assert "copilot models fetch personaplex-7b-v1" in said
    assert models("fetch", "moshiko-7b").startswith("moshiko-7b is whole: ")
    assert "fits model.safetensors names, shapes" in models("verify", "moshiko-7b", "--quick")
    said = models("verify", "--quick", status=1)
    assert "wrong model.safetensors cut short: " in said
    assert said.endswith("Delete what is wrong; `copilot models fetch NAME` brings it again.")


def test_another_folder(models: Command, tmp_path: Path) -> None:
    placed(MOSHI, tmp_path / "disk" / MOSHI.name, {})
    root = str(tmp_path / "disk")
    said = models("list", "--models", root)
    assert "moshiko-7b yes" in said
    assert f"copilot models fetch moshika-7b --models {root}" in said


def test_the_command_looks_where_the_list_did(tmp_path: Path) -> None:
    where = tmp_path / "my data"
    said = CliRunner().invoke(main, ["--data", str(where), "models", "list"]).output
    assert f"  copilot --data '{where}' models fetch moshika-7b\n" in said


def test_an_unknown_model(models: Command) -> None:
    for command in ("fetch", "verify"):
        assert "copilot: model 'moshi': unknown; there are " in models(command, "moshi", status=2)


def test_a_gated_model_by_the_command_line(tmp_path: Path) -> None:
    with serving() as hub:
        hub.refusal = (401, "GatedRepo")
        done = subprocess.run(
            [sys.executable, "-m", "copilot", "models", "fetch", PERSONAPLEX.name],
            env={
                **{name: value for name, value in os.environ.items() if name != "HF_TOKEN"},
                "COPILOT_DATA": str(tmp_path),
                "HF_ENDPOINT": hub.address,
                "HF_TOKEN_PATH": str(tmp_path / "none"),
            },
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2
    assert "set HF_TOKEN to it, and run `copilot models fetch personaplex-7b-v1`" in done.stderr
    assert "Traceback" not in done.stderr
    assert hub.asked[0][1] == "config.json"


def test_what_fits_a_gpu_is_told() -> None:
    run = CliRunner().invoke(main, ["models", "fit", "--memory", "80"])
    assert run.exit_code == 0, run.output
    assert "240 s" in run.output
    assert "int8" in run.output
