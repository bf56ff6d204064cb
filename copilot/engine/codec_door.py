"""What the codec lets in: published weights under its own names, and audio and codes that it can
take."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from copilot.engine.codec_layers import Stream
from copilot.engine.errors import EngineError
from copilot.engine.presets import MimiConfig

LOUDEST = 4.0
"""Samples beyond are no floats within ±1 that overshoot, but 16-bit numbers or noise."""


def renamed(config: MimiConfig) -> Iterator[tuple[str, str]]:
    """The codec's own name and the published one of every tensor but the codebooks'.

    Published names count the places of the reference's chain, in which every ELU takes one too.
    """
    yield from _convolutions(config)
    for side in ("encoder", "decoder"):
        for layer in range(config.num_layers):
            ours = f"{side}.transformer.layers.{layer}"
            theirs = f"{side}_transformer.transformer.layers.{layer}"
            for name in ("linear1.weight", "linear2.weight"):
                yield f"{ours}.{name}", f"{theirs}.{name}"
            for name in ("norm1", "norm2"):
                yield f"{ours}.{name}.weight", f"{theirs}.{name}.weight"
                yield f"{ours}.{name}.bias", f"{theirs}.{name}.bias"
            yield f"{ours}.in_proj.weight", f"{theirs}.self_attn.in_proj_weight"
            yield f"{ours}.out_proj.weight", f"{theirs}.self_attn.out_proj.weight"
            yield f"{ours}.scale1", f"{theirs}.layer_scale_1.scale"
            yield f"{ours}.scale2", f"{theirs}.layer_scale_2.scale"
    yield "encoder.downsample.weight", "downsample.conv.conv.conv.weight"
    yield "decoder.upsample.weight", "upsample.convtr.convtr.convtr.weight"


def _convolutions(config: MimiConfig) -> Iterator[tuple[str, str]]:
    stages = len(config.ratios)
    places = {"analysis.stem": "encoder.model.0", "synthesis.stem": "decoder.model.0"}
    for stage in range(stages):
        down, up = 1 + 3 * stage, 2 + 3 * stage
        places |= {
            f"analysis.residuals.{stage}.first": f"encoder.model.{down}.block.1",
            f"analysis.residuals.{stage}.second": f"encoder.model.{down}.block.3",
            f"analysis.downs.{stage}": f"encoder.model.{down + 2}",
            f"synthesis.ups.{stage}": f"decoder.model.{up}",
            f"synthesis.residuals.{stage}.first": f"decoder.model.{up + 1}.block.1",
            f"synthesis.residuals.{stage}.second": f"decoder.model.{up + 1}.block.3",
        }
    places["analysis.head"] = f"encoder.model.{3 * stages + 2}"
    places["synthesis.head"] = f"decoder.model.{3 * stages + 2}"
    for ours, theirs in places.items():
        side = "encoder" if ours.startswith("analysis") else "decoder"
        kind = "convtr" if ".ups." in ours else "conv"
        for name in ("weight", "bias"):
            yield f"{side}.{ours}.{name}", f"{theirs}.{kind}.{kind}.{name}"


def codebooks_of(
    stored: Mapping[str, Tensor], config: MimiConfig, codebooks: int
) -> dict[str, Tensor]:
    """The quantizer's tensors, float32: a centroid is a sum over how often it was chosen."""
    semantic = config.n_q_semantic
    names = [f"rvq_first.vq.layers.{level}" for level in range(semantic)]
    names += [f"rvq_rest.vq.layers.{level}" for level in range(codebooks - semantic)]
    books = []
    for name in names:
        book = f"quantizer.{name}._codebook"
        usage = stored[f"{book}.cluster_usage"].float().clamp(min=config.cluster_usage_floor)
        books.append(stored[f"{book}.embedding_sum"].float() / usage[:, None])
    centroids = torch.stack(books)
    tensors = {"centroids": centroids, "halves": centroids.square().sum(dim=-1) / 2}
    for branch in ("first", "rest"):
        for way, word in (("in", "input"), ("out", "output")):
            matrix = stored[f"quantizer.rvq_{branch}.{word}_proj.weight"]
            tensors[f"{branch}_{way}"] = matrix.float().squeeze(-1)
    return {f"quantizer.{name}": tensor for name, tensor in tensors.items()}


def check_pcm(pcm: Tensor, stream: Stream, config: MimiConfig, moves: Tensor | None = None) -> None:
    """Raises EngineError where `pcm` is not float [rows, 1, frames * 1920], or where a row that
    moves holds NaN or samples far beyond ±1.

    Only the shape of a tensor on a GPU is looked at, as its samples would have to come back: see
    `audible`, or check them before they go there.
    """
    size = config.frame_size
    wanted = f"float [{stream.rows}, 1, {size} * frames], at most {stream.frames} frames"
    frames, rest = divmod(pcm.shape[-1], size) if pcm.ndim else (0, 0)
    fits = tuple(pcm.shape[:2]) == (stream.rows, 1) and pcm.ndim == 3 and pcm.is_floating_point()
    if not fits or rest or not 1 <= frames <= stream.frames:
        raise EngineError(f"audio: {pcm.dtype} {list(pcm.shape)}, expected {wanted}")
    if pcm.device.type != "cpu":
        return
    peaks = pcm.abs().flatten(1).amax(dim=1)
    for row in _moving(~(peaks <= LOUDEST), moves):
        peak = float(peaks[row])
        what = f"reaches {peak:g}" if peak > LOUDEST else "holds NaN"
        raise EngineError(
            f"audio of row {row}: {what}; expected samples within ±1 (16-bit ones over 32768)"
        )


def audible(pcm: Tensor) -> Tensor:
    """What is no number made silence, and what is far beyond ±1 cut off: a row that heard either
    would hear nothing else ever after."""
    return pcm.nan_to_num(0.0, 0.0, 0.0).clamp(-LOUDEST, LOUDEST)


def check_codes(
    codes: Tensor,
    stream: Stream,
    codebooks: int,
    config: MimiConfig,
    moves: Tensor | None = None,
) -> None:
    """Raises EngineError where `codes` is not int64 [rows, codebooks or fewer, frames], or where
    a row that moves holds an id that is no code; of a tensor on a GPU only the shape is looked at.
    """
    shape, rows = list(codes.shape), stream.rows
    fits = len(shape) == 3 and shape[0] == rows and codes.dtype == torch.int64
    if not fits or not 1 <= shape[1] <= codebooks or not 1 <= shape[2] <= stream.frames:
        raise EngineError(
            f"codes: {codes.dtype} {shape}, expected torch.int64 [{rows}, 1 to {codebooks}, "
            f"1 to {stream.frames}]"
        )
    if codes.device.type != "cpu":
        return
    wrong = (codes < 0) | (codes >= config.bins)
    for row in _moving(wrong.flatten(1).any(dim=1), moves):
        code = int(codes[row][wrong[row]][0])
        raise EngineError(f"codes of row {row}: {code}; expected 0 to {config.bins - 1}")


def _moving(wrong: Tensor, moves: Tensor | None) -> list[int]:
    """The rows that are wrong, without those that do not move."""
    chosen = wrong if moves is None else wrong & moves.cpu()
    return [int(row) for row in chosen.nonzero()[:, 0]]
