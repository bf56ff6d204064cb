"""The models of an engine: both language models, the codec and the tokenizers, ready to run."""

import string
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from copilot.engine.cache import FP8
from copilot.engine.checkpoints import CODEC, MODEL, TOKENIZER, known
from copilot.engine.errors import EngineError
from copilot.engine.lm import LanguageModel
from copilot.engine.mimi import Mimi
from copilot.engine.presets import LmConfig, lm_preset, mimi_preset, read_config
from copilot.engine.prompt import Tokenizer
from copilot.engine.stt import silence_codes
from copilot.engine.voices import load_tokenizer
from copilot.engine.weights import invent, load
from copilot.providers.moshi.plan import KINDS, KV_KINDS, Plan

TINY_WINDOW = 250
"""Columns of the tiny preset, 20 s: its own context is too short for a prompt."""

DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32, "fp8": FP8}


@dataclass(frozen=True)
class Models:
    """Shared by all calls; they hold no state of any."""

    lm: LanguageModel
    stt: LanguageModel
    codec: Mimi
    """With as many codebooks as the recogniser hears; the duplex model hears the first of them."""
    pieces: Tokenizer
    """Of the duplex model."""
    letters: Tokenizer
    """Of the recogniser."""
    silence: tuple[int, ...]
    """A frame of silence in the recogniser's codes."""
    window: int
    kv: torch.dtype

    @property
    def device(self) -> torch.device:
        return self.lm.device


class Spelling:
    """Letters as pieces, for models whose vocabulary is too small for words.

    Ids 0 to 3 are the control tokens of the family; those beyond the letters decode to nothing.
    """

    _FIRST = 4
    _LETTERS = string.ascii_lowercase + "' "

    def __init__(self, size: int) -> None:
        assert size >= self._FIRST + len(self._LETTERS)

    def encode(self, text: str) -> list[int]:
        places = (self._LETTERS.find(letter) for letter in text.lower())
        return [self._FIRST + place for place in places if place >= 0]

    def decode(self, tokens: Sequence[int]) -> str:
        places = (token - self._FIRST for token in tokens)
        return "".join(self._LETTERS[p] for p in places if 0 <= p < len(self._LETTERS)).strip()


def make(plan: Plan) -> Models:
    """Load what the plan names; raises EngineError where it cannot be used."""
    on = torch.device(plan.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return _tiny(plan, on) if plan.tiny else _full(plan, on)


def _tiny(plan: Plan, on: torch.device) -> Models:
    lm, stt = (
        LanguageModel(config, invent(config, device=on, seed=seed))
        for seed, config in enumerate((lm_preset("tiny"), lm_preset("tiny-stt")))
    )
    codec = Mimi.random(mimi_preset("tiny"), device=on)
    spelling = Spelling(lm.config.text_card)
    window = plan.window or TINY_WINDOW
    silence = silence_codes(codec)
    return Models(lm, stt, codec, spelling, spelling, silence, window, torch.float32)


def _full(plan: Plan, on: torch.device) -> Models:
    weights, kv = _kinds(plan, on)
    lm, stt = known(plan.lm), known(plan.stt)
    configs = [lm.lm, stt.lm] if plan.random else [_config(plan, plan.lm), _config(plan, plan.stt)]
    if not configs[0].steps or configs[1].steps:
        raise EngineError(
            f"lm = {plan.lm!r}, stt = {plan.stt!r}: expected a duplex model and a recogniser"
        )
    made = [
        LanguageModel(config, _weights(plan, name, config, on, weights))
        for name, config in zip((plan.lm, plan.stt), configs, strict=True)
    ]
    codebooks = configs[1].n_q
    mimi = mimi_preset("mimi")
    if plan.random:
        codec = Mimi.random(mimi, codebooks=codebooks, device=on)
        tokenizers: list[Tokenizer] = [Spelling(config.text_card) for config in configs]
    else:
        path = plan.folder(plan.stt) / stt.file(CODEC)
        codec = Mimi.load(path, mimi, codebooks=codebooks, device=on)
        tokenizers = [
            load_tokenizer(plan.folder(one.name) / one.file(TOKENIZER), config)
            for one, config in zip((lm, stt), configs, strict=True)
        ]
    window = plan.window or configs[0].context
    pieces, letters = tokenizers
    return Models(made[0], made[1], codec, pieces, letters, silence_codes(codec), window, kv)


def _config(plan: Plan, name: str) -> LmConfig:
    path = plan.folder(name) / "config.json"
    return read_config(path) if path.is_file() else lm_preset(name)


def _kinds(plan: Plan, on: torch.device) -> tuple[str, torch.dtype]:
    if plan.weights not in KINDS or plan.kv not in KV_KINDS:
        raise EngineError(
            f"weights = {plan.weights!r}, kv = {plan.kv!r}: expected {', '.join(KINDS)} and "
            f"{', '.join(KV_KINDS)}"
        )
    own = "bf16" if on.type == "cuda" else "fp32"
    weights = own if plan.weights == "auto" else plan.weights
    held = own if weights == "int8" else weights
    return weights, DTYPES[held if plan.kv == "auto" else plan.kv]


def _weights(
    plan: Plan, name: str, config: LmConfig, on: torch.device, kind: str
) -> dict[str, torch.Tensor]:
    int8 = kind == "int8"
    dtype = DTYPES["bf16" if on.type == "cuda" else "fp32"] if int8 else DTYPES[kind]
    if plan.random:
        return invent(config, device=on, dtype=dtype, int8=int8)
    path = plan.folder(name) / known(name).file(MODEL)
    return load(path, config, device=on, dtype=dtype, int8=int8)
