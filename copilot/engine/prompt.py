"""What a slot is told before its call: a voice, then a role, laid out as PersonaPlex was trained.

Voice prompt, a gap, one token of the role per frame, a gap; the own voice is silent but for the
voice prompt, and a sine stands for the user all along.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from copilot.engine.errors import EngineError
from copilot.engine.lm import KEEP
from copilot.engine.presets import LmConfig
from copilot.engine.voices import Voice

GAP = 6
"""Frames between the parts of a prompt, half a second."""

TAG = "<system>"
"""Stands before and after a role; it is spelled in ordinary pieces."""


class Tokenizer(Protocol):
    """What is used of a SentencePiece processor."""

    def encode(self, text: str) -> list[int]: ...
    def decode(self, tokens: list[int]) -> str: ...


@dataclass(frozen=True, eq=False)
class Prompt:
    """A voice and a role; either may be missing, and without both the prompt is one gap."""

    voice: Voice | Tensor | None = None
    """An archive, or codes, int64 [steps, frames]."""
    role: tuple[int, ...] = ()
    """Tokens of the text, see `role_tokens`."""
    gap: int = GAP
    history: Tensor | None = None
    """Frames of a call that goes on after an interruption, int64 [rows, frames]: text, own voice
    and user as they were heard; they follow the prompt."""


@dataclass(frozen=True, eq=False)
class Prefix:
    """Columns to be consumed before the first free one."""

    known: Tensor | None
    """[n, dim]: embeddings of the first n columns, where their tokens are not given."""
    columns: Tensor
    """int64 [rows, T]: those after them."""
    following: Tensor
    """int64 [rows]: the column after the last, KEEP where it is not known."""

    @property
    def length(self) -> int:
        return self.columns.shape[1] + (0 if self.known is None else self.known.shape[0])


def role_tokens(text: str, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Of a role in plain words; the reference puts it between tags. Nothing of nothing."""
    text = text.strip()
    if not text:
        return ()
    if not (text.startswith(TAG) and text.endswith(TAG) and len(text) > len(TAG)):
        text = f"{TAG} {text} {TAG}"
    return tuple(tokenizer.encode(text))


def blank(config: LmConfig) -> Prefix:
    """No prompt: just column 0, so that the call's first frame is frame 1 and none is lost."""
    shifted = columns(initial(config)[:, None], config)
    return Prefix(None, shifted[:, :1], shifted[:, 1])


def prefix(prompt: Prompt, config: LmConfig, window: int) -> Prefix:
    """Raises EngineError where the prompt does not fit the model or the window of its slot."""
    _check(prompt, config)
    if isinstance(prompt.voice, Voice):
        built = _after_archive(prompt.voice, prompt, config)
    else:
        shifted = columns(prompt_frames(prompt, config), config)
        built = Prefix(None, shifted[:, :-1], shifted[:, -1])
    if built.length >= window:
        raise EngineError(
            f"a prompt of {built.length} frames ({len(prompt.role)} of them the role): the window "
            f"is {window}, and the call must fit beside it; shorten the role"
        )
    return built


def prompt_frames(prompt: Prompt, config: LmConfig) -> Tensor:
    """int64 [rows, frames] of a prompt whose voice is codes, or that has none."""
    assert not isinstance(prompt.voice, Voice)
    return torch.cat([_voice(prompt.voice, config), _rest(prompt, config)], dim=1)


def columns(frames: Tensor, config: LmConfig) -> Tensor:
    """Columns 0 to n, int64 [rows, n + 1], of the frames 0 to n - 1 of a session [rows, n].

    Row by row a column is the frame `delay` earlier, or the initial token. Of column n, rows
    without delay are KEEP.
    """
    shifted = _shifted(frames, config)
    first = initial(config)
    for row, delay in enumerate(config.delays):
        shifted[row, : delay + 1] = first[row]
    return shifted


def initial(config: LmConfig) -> Tensor:
    """The initial token of each row, int64 [rows]."""
    return torch.tensor([config.text_initial] + [config.audio_initial] * config.n_q)


def _shifted(frames: Tensor, config: LmConfig) -> Tensor:
    count = frames.shape[1]
    shifted = torch.full((config.rows, count + 1), KEEP, dtype=torch.int64)
    for row, delay in enumerate(config.delays):
        kept = min(count, count + 1 - delay)
        shifted[row, delay : delay + kept] = frames[row, :kept]
    return shifted


def _after_archive(voice: Voice, prompt: Prompt, config: LmConfig) -> Prefix:
    """The archive's ring holds the last column of the voice, and the delayed rows of the next."""
    last, length = voice.embeddings.shape[0], voice.cache.shape[1]
    late = voice.cache[:, (last + 1) % length, None]
    shifted = _shifted(torch.cat([late, _rest(prompt, config)], dim=1), config)
    shifted[:, 0] = voice.cache[:, last % length]
    return Prefix(voice.embeddings, shifted[:, :-1], shifted[:, -1])


def _voice(codes: Tensor | None, config: LmConfig) -> Tensor:
    count = 0 if codes is None else codes.shape[1]
    frames = _silent(count, config)
    if codes is not None:
        frames[1 : config.user_row] = codes
    return frames


def _rest(prompt: Prompt, config: LmConfig) -> Tensor:
    """Gap, role, gap, and what was heard; one gap where there is no role."""
    parts = [_silent(prompt.gap, config)]
    if prompt.role:
        role = _silent(len(prompt.role), config)
        role[0] = torch.tensor(prompt.role)
        parts += [role, parts[0]]
    if prompt.history is not None:
        parts.append(prompt.history)
    return torch.cat(parts, dim=1)


def _silent(count: int, config: LmConfig) -> Tensor:
    """Frames [rows, count] of nobody speaking, as a prompt has them."""
    column = [config.existing_text_padding_id, *config.silence_tokens, *config.sine_tokens]
    return torch.tensor(column)[:, None].repeat(1, count)


def _check(prompt: Prompt, config: LmConfig) -> None:
    if not (config.silence_tokens and config.sine_tokens):
        raise EngineError(
            "a prompt: this model knows no codes of silence and sine; give silence_tokens and "
            "sine_tokens in its config, or no prompt"
        )
    if prompt.gap < 1:
        raise EngineError(f"gap = {prompt.gap}: expected 1 frame or more")
    check_tokens(prompt.role, config.text_card, "the role")
    if prompt.history is not None:
        _check_history(prompt.history, config)
    if isinstance(prompt.voice, Voice):
        if prompt.voice.embeddings.shape[1] != config.dim:
            raise EngineError(
                f"a voice of width {prompt.voice.embeddings.shape[1]}: the model's is {config.dim}"
            )
    elif prompt.voice is not None:
        check_codes(prompt.voice, config)


def check_tokens(tokens: Sequence[int], limit: int, what: str) -> None:
    for token in tokens:
        if not 0 <= token < limit:
            raise EngineError(f"{what}: token {token}: expected 0 to {limit - 1}")


def _check_history(history: Tensor, config: LmConfig) -> None:
    if history.dtype != torch.int64 or history.ndim != 2 or history.shape[0] != config.rows:
        raise EngineError(
            f"a history of {history.dtype} {list(history.shape)}: expected torch.int64 "
            f"[{config.rows}, frames]"
        )
    limits = torch.tensor([config.text_card] + [config.card] * config.n_q)[:, None]
    if bool(((history < 0) | (history >= limits)).any()):
        raise EngineError("a history with tokens outside of the model's vocabularies")


def check_codes(codes: Tensor, config: LmConfig) -> None:
    if codes.dtype != torch.int64 or codes.ndim != 2 or codes.shape[0] != config.steps:
        raise EngineError(
            f"a voice of {codes.dtype} {list(codes.shape)}: expected torch.int64 codes "
            f"[{config.steps}, frames]"
        )
    if not codes.shape[1]:
        raise EngineError("an empty voice: expected one frame or more, or no voice")
    if int(codes.min()) < 0 or int(codes.max()) >= config.card:
        raise EngineError(
            f"a voice with codes {int(codes.min())} to {int(codes.max())}: expected 0 to "
            f"{config.card - 1}"
        )
