"""What figures were measured on: the machine and the versions of the parts that matter."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PACKAGES = (
    "copilot",
    "aiortc",
    "av",
    "chromadb",
    "numpy",
    "onnxruntime",
    "pocketsphinx",
    "sherpa-onnx",
    "silero-vad",
    "soxr",
    "torch",
)


def machine() -> dict[str, object]:
    """Processor, cores that this process may use, memory, load and versions; JSON-able."""
    return {
        "processor": _processor(),
        "cores": _cores(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load": [round(load, 2) for load in psutil.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Python and the packages that the figures depend on; one that is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
