"""A voice for ears to hear."""

import importlib.util
from pathlib import Path

import pytest

from tests.providers.embedded.sound import Speaker


@pytest.fixture(scope="session")
def ear_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ear")


@pytest.fixture(scope="session")
def speak(ear_cache: Path) -> Speaker:
    if importlib.util.find_spec("espeakng_loader") is None:
        pytest.skip("espeakng-loader is not installed (pip install 'copilot[espeak]')")
    return Speaker(ear_cache)
