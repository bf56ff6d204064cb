"""CI's strictness: what may be skipped there, and what fails instead."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULE = """
import pytest

def test_package():
    pytest.skip("no chromium")

def test_data():
    pytest.skip("no recordings at ../shared/data/call_audio")

@pytest.mark.gpu
def test_device():
    pytest.skip("no CUDA device")

@pytest.mark.skipif(True, reason="not on this system")
def test_system():
    pass

@pytest.mark.xfail
def test_known():
    raise ValueError
"""


def outcomes(folder: Path, module: str, strict: bool) -> str:
    """The closing line of a run of `module` under the project's conftest."""
    (folder / "test_it.py").write_text(module)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COPILOT_")}
    strictness = {"COPILOT_TESTS_NEED_PACKAGES": "1"} if strict else {}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", "pyproject.toml", folder],
        cwd=ROOT, env={**kept, **strictness}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    return done.stdout.splitlines()[-1].rsplit(" in ", 1)[0]


@pytest.mark.parametrize(
    ("strict", "counted"),
    [(False, "4 skipped, 1 xfailed"), (True, "1 failed, 2 skipped, 1 xfailed, 1 error")],
)
def test_a_skip_for_want_of_a_package_fails_in_ci(
    tmp_path: Path, strict: bool, counted: str
) -> None:
    assert outcomes(tmp_path, MODULE, strict) == counted


def test_a_module_that_is_skipped_whole_fails_too(tmp_path: Path) -> None:
    module = "import pytest\npytest.importorskip('no_such_package')\n"
    assert outcomes(tmp_path, module, strict=False) == "1 skipped"
    assert outcomes(tmp_path, module, strict=True) == "1 error"
