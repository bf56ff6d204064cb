"""Laws of the codec on random weights, and what it refuses."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from copilot.engine.codec_door import LOUDEST, audible, renamed
from copilot.engine.codec_layers import Stream
from copilot.engine.errors import EngineError
from copilot.engine.mimi import Mimi
from copilot.engine.names import expected
from copilot.engine.presets import MIMI, MIMIS

CONFIG = replace(MIMIS["tiny"], context=6)
SIZE = CONFIG.frame_size
CODEC = Mimi.random(CONFIG, codebooks=8)
ROWS = 3

torch.set_num_threads(1)

seeds = st.integers(0, 2**31)
masks = st.lists(st.lists(st.booleans(), min_size=ROWS, max_size=ROWS), min_size=1, max_size=8)
laws = settings(max_examples=12, deadline=None)


def noise(seed: int, frames: int, rows: int = ROWS) -> Tensor:
    dice = torch.Generator().manual_seed(seed)
    return torch.rand(rows, 1, frames * SIZE, generator=dice) * 2 - 1


def ids(seed: int, frames: int, rows: int = ROWS) -> Tensor:
    dice = torch.Generator().manual_seed(seed)
    return torch.randint(CONFIG.bins, (rows, CODEC.codebooks, frames), generator=dice)


def both(
    frame: int, pcm: Tensor, codes: Tensor, streams: Sequence[Stream], moves: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """A frame in either direction."""
    samples = pcm[..., frame * SIZE : (frame + 1) * SIZE]
    latent = CODEC.latent(samples, streams[0], moves)
    return latent, CODEC.decode(codes[..., frame : frame + 1], streams[1], moves)


def new(rows: int = ROWS, frames: int = 1) -> tuple[Stream, Stream]:
    return CODEC.encoder_stream(rows, frames=frames), CODEC.decoder_stream(rows, frames=frames)


def row_of(stream: Stream, row: int) -> list[Tensor]:
    return [one[row].clone() for one in stream.tensors]


def same(one: Sequence[Tensor], other: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@laws
@given(seed=seeds, sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_streaming_in_any_pieces_equals_offline(seed: int, sizes: list[int]) -> None:
    """Beyond the window too, which is three frames here."""
    frames = sum(sizes)
    pcm, codes = noise(seed, frames), ids(seed, frames)
    whole = new(frames=frames)
    latent, heard = CODEC.latent(pcm, whole[0]), CODEC.decode(codes, whole[1])
    streams, parts, end = new(frames=4), [], 0
    for size in sizes:
        start, end = end, end + size
        piece = CODEC.latent(pcm[..., start * SIZE : end * SIZE], streams[0])
        parts.append((piece, CODEC.decode(codes[..., start:end], streams[1])))
    assert torch.allclose(torch.cat([one for one, _ in parts], dim=-1), latent, atol=2e-5)
    assert torch.allclose(torch.cat([one for _, one in parts], dim=-1), heard, atol=2e-5)


@laws
@given(seed=seeds, plan=masks)
def test_a_masked_row_does_not_move(seed: int, plan: list[list[bool]]) -> None:
    pcm, codes = noise(seed, len(plan)), ids(seed, len(plan))
    streams = new()
    for frame, moving in enumerate(plan):
        before = [row_of(stream, row) for stream in streams for row in range(ROWS)]
        both(frame, pcm, codes, streams, torch.tensor(moving))
        after = [row_of(stream, row) for stream in streams for row in range(ROWS)]
        for place, (old, now) in enumerate(zip(before, after, strict=True)):
            assert same(old, now) is not moving[place % ROWS]


@laws
@given(seed=seeds, plan=masks)
def test_a_row_does_not_know_what_the_others_hold(seed: int, plan: list[list[bool]]) -> None:
    """Bit for bit: row 0 is fed the same in two batches whose other rows differ in all."""
    pcm, codes = noise(seed, len(plan)), ids(seed, len(plan))
    other_pcm, other_codes = noise(seed + 1, len(plan)) * 3, ids(seed + 1, len(plan))
    other_pcm[0], other_codes[0] = pcm[0], codes[0]
    one, other = new(), new()
    for frame, moving in enumerate(plan):
        first = both(frame, pcm, codes, one, torch.tensor(moving))
        flipped = torch.tensor([moving[0], not moving[1], not moving[2]])
        second = both(frame, other_pcm, other_codes, other, flipped)
        assert same([part[0] for part in first], [part[0] for part in second])


@laws
@given(seed=seeds, used=st.integers(1, 8), row=st.integers(0, ROWS - 1))
def test_a_reset_row_is_a_new_row(seed: int, used: int, row: int) -> None:
    pcm, codes = noise(seed, used + 2), ids(seed, used + 2)
    streams = new()
    for frame in range(used):
        both(frame, pcm, codes, streams)
    others = [row_of(stream, one) for stream in streams for one in range(ROWS) if one != row]
    for stream in streams:
        stream.reset(torch.arange(ROWS) == row)
    kept = [row_of(stream, one) for stream in streams for one in range(ROWS) if one != row]
    assert all(same(old, now) for old, now in zip(others, kept, strict=True))
    fresh = new()
    for frame in range(used, used + 2):
        after, begun = (both(frame, pcm, codes, one) for one in (streams, fresh))
        assert same([part[row] for part in after], [part[row] for part in begun])


@laws
@given(seed=seeds, used=st.integers(0, 6), later=st.integers(1, 3))
def test_a_copy_goes_on_as_its_source(seed: int, used: int, later: int) -> None:
    pcm, codes = noise(seed, used + later), ids(seed, used + later)
    streams = new()
    for frame in range(used):
        both(frame, pcm, codes, streams)
    source = [row_of(stream, 0) for stream in streams]
    for stream in streams:
        stream.copy(0, 2)
    assert all(same(old, row_of(now, 0)) for old, now in zip(source, streams, strict=True))
    pcm[2], codes[2] = pcm[0], codes[0]
    for frame in range(used, used + later):
        for part in both(frame, pcm, codes, streams):
            assert torch.equal(part[0], part[2])


def test_no_step_makes_memory_of_its_own() -> None:
    """A stream's tensors are written in place, so that a captured step finds them."""
    streams = new()
    places = [one.data_ptr() for stream in streams for one in stream.tensors]
    pcm, codes = noise(1, 9), ids(1, 9)
    for frame in range(9):
        both(frame, pcm, codes, streams, torch.tensor([True, False, True]))
    streams[0].reset(torch.tensor([True, False, False]))
    assert [one.data_ptr() for stream in streams for one in stream.tensors] == places


def test_bfloat16_stays_near_and_keeps_float32_codebooks() -> None:
    config = replace(CONFIG, n_filters=8)  # oneDNN errs at bfloat16 with fewer channels
    codec, exact = Mimi.random(config, dtype=torch.bfloat16), Mimi.random(config)
    pcm = noise(5, 4)
    near = codec.latent(pcm, codec.encoder_stream(ROWS, frames=4)).float()
    wanted = exact.latent(pcm, exact.encoder_stream(ROWS, frames=4))
    assert codec.encoder.downsample.weight.dtype == torch.bfloat16
    assert codec.quantizer.centroids.dtype == torch.float32
    assert (near - wanted).abs().mean() < 0.05 * wanted.abs().mean()
    codes = codec.encode(pcm, codec.encoder_stream(ROWS, frames=4))
    assert codec.decode(codes, codec.decoder_stream(ROWS, frames=4)).isfinite().all()


def test_every_published_tensor_has_its_place_at_real_size() -> None:
    with torch.device("meta"):
        codec = Mimi(MIMI)
    own, published = codec.state_dict(), expected(MIMI)
    pairs = dict(renamed(MIMI))
    quantizer = {name for name in published if name.startswith("quantizer.")}
    assert sorted(pairs.values()) == sorted(published.keys() - quantizer)
    assert {name: tuple(own[name].shape) for name in pairs} == {
        name: published[old] for name, old in pairs.items()
    }
    left = {name for name in own.keys() - pairs.keys() if not name.startswith("quantizer.")}
    assert left == {"encoder.transformer.frequency", "decoder.transformer.frequency"}


def test_codebooks_that_are_not_stored() -> None:
    for count in (0, 33):
        with pytest.raises(EngineError, match=f"codebooks = {count}: expected 1 to 32"):
            Mimi.random(CONFIG, codebooks=count)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((3, 1, SIZE - 1), torch.float32),
        ((3, 1, 0), torch.float32),
        ((3, 1, 2 * SIZE), torch.float32),
        ((2, 1, SIZE), torch.float32),
        ((3, SIZE), torch.float32),
        ((), torch.float32),
        ((3, 2, SIZE), torch.float32),
        ((3, 1, SIZE), torch.int16),
    ],
)
def test_a_frame_of_another_shape_moves_nothing(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    stream = CODEC.encoder_stream(ROWS)
    with pytest.raises(
        EngineError, match=r"audio: torch.* expected float \[3, 1, 1920 \* frames\]"
    ):
        CODEC.encode(torch.zeros(shape, dtype=dtype), stream)
    assert all(not one.any() for one in stream.tensors)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (float("nan"), "audio of row 1: holds NaN"),
        (float("-inf"), "audio of row 1: reaches inf"),
        (32_767.0, "audio of row 1: reaches 32767; expected samples within ±1 .16-bit"),
        (-LOUDEST - 1, "audio of row 1: reaches 5"),
    ],
)
def test_samples_that_are_no_audio_move_nothing(value: float, said: str) -> None:
    stream, pcm = CODEC.encoder_stream(ROWS), noise(1, 1)
    pcm[1, 0, 77] = value
    with pytest.raises(EngineError, match=said):
        CODEC.encode(pcm, stream)
    assert all(not one.any() for one in stream.tensors)
    masked = torch.tensor([True, False, True])
    codes = CODEC.encode(pcm, stream, masked)
    clean = CODEC.encode(noise(1, 1), CODEC.encoder_stream(ROWS))
    assert torch.equal(codes[masked], clean[masked])
    assert all(one.isfinite().all() for one in stream.tensors)


def test_on_a_gpu_samples_that_are_none_are_silence() -> None:
    pcm = torch.tensor([0.5, float("nan"), float("inf"), -float("inf"), 32_767.0, -1.0])
    assert audible(pcm).tolist() == [0.5, 0.0, 0.0, 0.0, LOUDEST, -1.0]


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_silent_and_clipped_audio_is_audio(level: float) -> None:
    stream = CODEC.encoder_stream(ROWS)
    for _ in range(5):
        latent = CODEC.latent(torch.full((ROWS, 1, SIZE), level), stream)
    assert latent.isfinite().all()


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (torch.zeros(3, 9, 1, dtype=torch.int64), r"expected torch.int64 \[3, 1 to 8, 1 to 1\]"),
        (torch.zeros(3, 8, 2, dtype=torch.int64), "codes: torch.int64"),
        (torch.zeros(3, 8, 1), "codes: torch.float32"),
        (torch.full((3, 8, 1), CONFIG.bins), "codes of row 0: 64; expected 0 to 63"),
        (torch.tensor([0, 0, -1]).view(3, 1, 1), "codes of row 2: -1; expected 0 to 63"),
    ],
)
def test_codes_that_are_none_move_nothing(codes: Tensor, said: str) -> None:
    stream = CODEC.decoder_stream(ROWS)
    with pytest.raises(EngineError, match=said):
        CODEC.decode(codes, stream)
    assert all(not one.any() for one in stream.tensors)


def test_a_row_that_does_not_move_may_hold_any_code() -> None:
    codes, stream = ids(2, 1), CODEC.decoder_stream(ROWS)
    wanted = CODEC.decode(codes, CODEC.decoder_stream(ROWS))
    masked = torch.tensor([True, False, True])
    odd = codes.clone()
    odd[1] = -2
    assert torch.equal(CODEC.decode(odd, stream, masked)[masked], wanted[masked])


def test_a_stream_of_nothing() -> None:
    for rows, frames in ((0, 1), (2, 0)):
        with pytest.raises(EngineError, match="expected 1 or more of both"):
            CODEC.encoder_stream(rows, frames=frames)
    with pytest.raises(EngineError, match="frames = 4: they do not fit a window of 6"):
        CODEC.encoder_stream(2, frames=4, exact=False)
