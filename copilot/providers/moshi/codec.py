"""Both directions of the codec for all seats at once, each with one row a party or a whisper.

On a GPU each direction is one CUDA graph over all its rows: the codec is some hundred small
kernels, and their launches cost more than rows that do not move.
"""

from collections.abc import Callable, Generator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from copilot.engine.graphs import capture
from copilot.engine.mimi import Mimi

Pcm = NDArray[np.float32]


class Direction:
    """One direction: what goes in lies in `given`, what comes out in the tensor that `work` gave
    when it was captured. Rows that are not named in a run keep their memory."""

    def __init__(
        self,
        given: Tensor,
        rows: int,
        work: Callable[[Tensor, Tensor], Tensor],
        device: torch.device,
    ) -> None:
        self._given, self._work = given, work
        self._moves = torch.zeros(rows, dtype=torch.bool, device=device)
        self._on_gpu = device.type == "cuda"
        self._graph: torch.cuda.CUDAGraph | None = None
        self._out: Tensor | None = None

    def run(self, rows: Mapping[int, Tensor]) -> Tensor:
        """The whole output, on the host; of rows that are not named it means nothing."""
        moves = torch.zeros(self._moves.shape, dtype=torch.bool)
        given = torch.zeros(self._given.shape, dtype=self._given.dtype)
        for row, value in rows.items():
            moves[row], given[row] = True, value
        self._moves.copy_(moves)
        self._given.copy_(given)
        if not self._on_gpu:
            return self._work(self._given, self._moves)
        if self._graph is None:
            self._capture()
        assert self._graph is not None
        assert self._out is not None
        self._graph.replay()
        return self._out.cpu()

    def _capture(self) -> None:
        """With no row moving, so that warming up changes nothing."""
        moves = self._moves.clone()
        self._moves.zero_()
        self._graph = capture(self._tell)
        self._moves.copy_(moves)

    def _tell(self) -> None:
        self._out = self._work(self._given, self._moves)


class Codec:
    """Ears: two rows a seat, agent and customer. Mouths: a row a whisper."""

    def __init__(self, mimi: Mimi, ears: int, mouths: int, codebooks: int) -> None:
        device = mimi.encoder.downsample.weight.device
        self._heard = mimi.encoder_stream(ears)
        self._said = mimi.decoder_stream(mouths)
        self.ears, self.mouths = ears, mouths
        size = mimi.config.frame_size
        pcm = torch.zeros((ears, 1, size), device=device)
        codes = torch.zeros((mouths, codebooks, 1), dtype=torch.int64, device=device)
        self._encode = Direction(
            pcm, ears, lambda x, moves: mimi.encode(x, self._heard, moves), device
        )
        self._decode = Direction(
            codes, mouths, lambda x, moves: mimi.decode(x, self._said, moves), device
        )

    def encode(self, frames: Mapping[int, Pcm]) -> dict[int, NDArray[np.int64]]:
        """Codes [codebooks] of each row's frame, float32 [1920] within ±1."""
        given = {row: torch.from_numpy(frame)[None] for row, frame in frames.items()}
        codes = self._encode.run(given)[:, :, 0].numpy()
        return {row: codes[row] for row in frames}

    def decode(self, frames: Mapping[int, tuple[int, ...]]) -> dict[int, Pcm]:
        """Samples [1920] of each row's frame of codes."""
        given = {row: torch.tensor(codes)[:, None] for row, codes in frames.items()}
        pcm = self._decode.run(given)[:, 0].numpy()
        return {row: pcm[row].copy() for row in frames}

    def renew_ear(self, row: int) -> None:
        self._heard.reset(self._only(row, self.ears))

    def renew_mouth(self, row: int) -> None:
        self._said.reset(self._only(row, self.mouths))

    def _only(self, row: int, rows: int) -> Tensor:
        return torch.arange(rows, device=self._heard.offset.device) == row


def voice_codes(mimi: Mimi, frames: Tensor, codebooks: int) -> Generator[None, None, Tensor]:
    """A recorded voice, [1, 1, frames * 1920], as a prompt's codes, int64 [codebooks, frames].

    A step a frame, so that calls need not wait for it.
    """
    device = mimi.encoder.downsample.weight.device
    stream = mimi.encoder_stream(1)
    size = mimi.config.frame_size
    parts = torch.split(frames.to(device), size, dim=2)
    codes = []
    for part in parts:
        with torch.no_grad():
            codes.append(mimi.encode(part, stream))
        yield
    return torch.cat(codes, dim=2)[0, :codebooks].cpu()
