"""What `make test` says where the system's packages cannot be installed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("packages.sh")


def run(folder: Path, **programs: str) -> list[str]:
    """The script's output on a system that has just `programs`, beside what it needs itself."""
    for name in ("sh", "ls", "mktemp", "rm", "tail"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, body in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
    done = subprocess.run(
        ["sh", str(SCRIPT)], env={**os.environ, "PATH": str(folder)}, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("programs", "said"),
    [
        ({"id": "echo 0", "apt_get": "echo 'E: no such package' >&2; exit 100"}, "E: no such"),
        ({"id": "echo 7", "apt_get": "exit", "sudo": "echo 'no password' >&2; exit 1"}, "no pass"),
        ({"id": "echo 0"}, "there is no apt-get here"),
    ],
)
def test_it_says_why_it_could_not_install(
    tmp_path: Path, programs: dict[str, str], said: str
) -> None:
    *_, why, verdict = run(tmp_path, **programs)
    assert why.startswith(said)
    assert verdict.startswith("could not install chromium fonts-dejavu")


def test_it_says_nothing_of_an_installation_that_went_well(tmp_path: Path) -> None:
    (said,) = run(tmp_path, id="echo 0", apt_get="echo noise")
    assert said.startswith("installing chromium")
