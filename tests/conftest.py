"""What all tests share."""

from pathlib import Path

import pytest

from copilot.config import Provider
from copilot.ports import Embedder
from copilot.providers import registry
from copilot.providers.registry import Host


@pytest.fixture(scope="session")
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """The real embedder; its export is kept between runs, as pytest keeps its own cache."""
    cache = request.config.cache
    assert cache is not None
    return registry.embedder(Provider(provider="minilm"), Host(Path(cache.mkdir("embedder"))))
