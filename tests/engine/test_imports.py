"""The engine runs on a machine that has just torch, numpy, safetensors and sentencepiece."""

import subprocess
import sys
from pathlib import Path

import copilot.engine

ROOT = Path(__file__).resolve().parents[2]

ALONE = """
import importlib, importlib.util, pkgutil, sys

THIRD_PARTY = {"torch", "numpy", "safetensors", "sentencepiece"}
OWN = {"copilot", "copilot.engine"}

# torch and the others import what they need themselves; it is not the engine's.
for name in THIRD_PARTY:
    importlib.import_module(name)


class Refuse:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if name in OWN or name.startswith("copilot.engine."):
            return None
        if top == "copilot" or top not in sys.stdlib_module_names | THIRD_PARTY:
            raise ImportError("refused: " + name)
        return None


for name in list(sys.modules):
    top = name.partition(".")[0]
    if top not in sys.stdlib_module_names | THIRD_PARTY | {"__main__"}:
        del sys.modules[name]
sys.meta_path.insert(0, Refuse())
import copilot.engine

for module in pkgutil.walk_packages(copilot.engine.__path__, "copilot.engine."):
    # The kernels are imported on a GPU, where Triton comes with torch.
    if not module.name.endswith(("__main__", ".kernels", ".chains")):
        importlib.import_module(module.name)
        print(module.name)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )


def test_every_module_imports_where_nothing_else_may_be_imported() -> None:
    done = run(ALONE)
    assert done.returncode == 0, done.stderr
    folder = Path(copilot.engine.__path__[0])
    names = {path.stem for path in folder.glob("*.py")} - {
        "__init__",
        "__main__",
        "kernels",
        "chains",
    }
    assert {name.rpartition(".")[2] for name in done.stdout.split()} >= names


def test_the_refusal_refuses() -> None:
    names = ("msgspec", "copilot.errors", "click")
    attempt = f"""
for name in {names}:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(error)
sys.exit()
"""
    done = run(ALONE.replace("import copilot.engine\n", attempt, 1))
    assert done.stdout.splitlines() == [f"refused: {name}" for name in names]


def test_the_package_imports_where_it_is_not_installed() -> None:
    """Its version is written in it, not asked of the installation."""
    code = """
import importlib.metadata

def version(name):
    raise importlib.metadata.PackageNotFoundError(name)

importlib.metadata.version = version
import copilot
print(copilot.__version__)
"""
    done = run(code)
    assert done.stdout.strip() == copilot.__version__, done.stderr
