"""What all tests share."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from copilot.config.sections import Provider
from copilot.ports import Embedder
from copilot.providers import registry
from copilot.providers.registry import Host
from tests.postgres import Cluster

NEED_PACKAGES = "COPILOT_TESTS_NEED_PACKAGES"
"""Set where nothing may be skipped but for want of a GPU or of the shared data: CI."""

# Commands are as wide as a test says: readers of pytest's output have a width of their own.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)

settings.register_profile("copilot", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("copilot")


@pytest.fixture(scope="session")
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """The real embedder; its export is kept between runs, as pytest keeps its own cache."""
    cache = request.config.cache
    assert cache is not None
    return registry.embedder(Provider(provider="minilm"), Host(Path(cache.mkdir("embedder"))))


@pytest.fixture
def data(embedder: Embedder, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A data folder with nothing in it but the embedder's export."""
    assert request.config.cache is not None
    folder = tmp_path / "data"
    (folder / "cache").mkdir(parents=True)
    for file in Path(request.config.cache.mkdir("embedder")).glob("*.onnx"):
        (folder / "cache" / file.name).symlink_to(file.resolve())
    return folder


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    # Not in tmp_path: the server's user may not enter it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="copilot-pg-"))
    try:
        cluster = Cluster(folder)
        cluster.start()
        yield cluster
        cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse(report)
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    """A skipped test has failed, unless it wants a GPU or the data beside the repository."""
    if NEED_PACKAGES not in os.environ or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    allowed = "gpu" in getattr(report, "keywords", ()) or "shared/data" in reason
    if not allowed:
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} may not be skipped here: {reason}"
