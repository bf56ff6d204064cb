"""A reranker on disk: a cross-encoder in a folder, as sentence-transformers saves one.

Nothing is downloaded and nothing is unpickled. It runs on the CPU, for a GPU belongs to the ear.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from safetensors import SafetensorError

from copilot.errors import ConfigError
from copilot.ports import LogOdds, Reranker
from copilot.providers.registry import Host, options

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder as Model

MAX_TOKENS = 256
"""Of query and passage together; what is longer is cut, so that a search keeps its deadline."""
REMEDY = (
    "name a folder that sentence-transformers' CrossEncoder.save_pretrained wrote,"
    ' or set reranker.provider = "none"'
)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of ``[reranker]`` with ``provider = "crossencoder"``."""

    model: str = ""
    """Folder of config.json, model.safetensors and the tokenizer."""
    threads: int = 1
    """Threads of torch in this process; more are slower where other work has the cores."""


def reranker(given: Mapping[str, object], host: Host) -> Reranker:
    """The provider ``reranker.crossencoder``; raises ConfigError for a folder that holds none."""
    chosen = options("reranker", given, Options)
    if not 1 <= chosen.threads <= 64:
        raise ConfigError(f"reranker.threads = {chosen.threads}: use a number from 1 to 64")
    return CrossEncoder(chosen.model, chosen.threads)


class CrossEncoder:
    """A cross-encoder with one output; safe to call from several threads."""

    def __init__(self, model: str, threads: int = 1) -> None:
        """Load it out of the folder `model` and try it."""
        import torch

        torch.set_num_threads(threads)
        with _faults_of(model), _quiet():
            _check(Path(model))
            self._model = _load(Path(model))
        self._lock = threading.Lock()  # a tokenizer cannot be used by two threads at once
        if not np.isfinite(self.score("long " * MAX_TOKENS, ["long " * MAX_TOKENS, "short"])).all():
            raise _fault(model, "what it says is no number")

    def score(self, query: str, texts: Sequence[str]) -> LogOdds:
        """float32 ``[len(texts)]``."""
        from torch.nn import Identity

        pairs = [(query, text) for text in texts]
        with self._lock:
            odds = self._model.predict(
                pairs,
                activation_fn=Identity(),  # most are saved with a sigmoid
                show_progress_bar=False,
            )
        return np.asarray(odds, np.float32)


def _check(folder: Path) -> None:
    """Raise ValueError unless the folder holds a whole model with one output.

    CrossEncoder would take any encoder, give it an output of random weights, and rank by that.
    """
    from transformers import AutoModelForSequenceClassification

    if not folder.is_dir():
        raise ValueError("no such folder")
    if not (folder / "config.json").is_file():
        raise ValueError("it has no config.json")
    model, told = AutoModelForSequenceClassification.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    unfit = {*told["missing_keys"], *(name for name, *_ in told["mismatched_keys"])}
    if unfit:
        raise ValueError(f"it is no whole cross-encoder: no weights that fit {min(unfit)}")
    if model.config.num_labels != 1:
        raise ValueError(f"it has {model.config.num_labels} output labels, a reranker has one")


def _load(folder: Path) -> "Model":
    from sentence_transformers import CrossEncoder as Model

    made: Model = Model(
        str(folder),
        device="cpu",
        local_files_only=True,
        model_kwargs={"use_safetensors": True, "dtype": "float32"},
    )
    names = made.tokenizer.vocab_files_names.values()
    if not any((folder / name).is_file() for name in names):
        raise ValueError(f"its tokenizer is missing ({', '.join(names)})")
    positions = getattr(made.config, "max_position_embeddings", MAX_TOKENS)
    made.max_seq_length = min(made.max_seq_length or MAX_TOKENS, positions, MAX_TOKENS)
    return made


@contextmanager
def _faults_of(model: str) -> Iterator[None]:
    """What goes wrong with the folder as a ConfigError."""
    if not model:
        raise _fault(model, "no folder is named")
    try:
        yield
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, SafetensorError) as error:
        raise _fault(model, str(error).partition("\n")[0].strip(" .")) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' own bars and reports: a ConfigError tells of what is wrong."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _fault(model: str, what: str) -> ConfigError:
    return ConfigError(f"reranker.model = {model!r}: {what}; {REMEDY}")
