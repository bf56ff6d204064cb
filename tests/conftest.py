"""What all tests share."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from copilot.config import Provider
from copilot.ports import Embedder
from copilot.providers import registry
from copilot.providers.registry import Host

NEED_PACKAGES = "COPILOT_TESTS_NEED_PACKAGES"
"""Set where nothing may be skipped for want of a package: CI."""


@pytest.fixture(scope="session")
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """The real embedder; its export is kept between runs, as pytest keeps its own cache."""
    cache = request.config.cache
    assert cache is not None
    return registry.embedder(Provider(provider="minilm"), Host(Path(cache.mkdir("embedder"))))


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
    """A test that is skipped because something "is not installed" has failed."""
    wanting = report.skipped and "is not installed" in str(report.longrepr)
    if wanting and NEED_PACKAGES in os.environ:
        report.outcome = "failed"
