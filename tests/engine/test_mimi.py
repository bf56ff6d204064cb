"""The codec computes what the reference computed, frame by frame and in one call."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from copilot.engine.mimi import Mimi
from copilot.engine.presets import MimiConfig
from tests.engine.golden import LATENT, PCM, Golden, golden

CODECS = ("mimi_tiny", "mimi_tiny_window")


@dataclass(frozen=True)
class Fixture:
    codec: Mimi
    golden: Golden

    @property
    def size(self) -> int:
        return self.codec.config.frame_size

    def frames(self, pcm: Tensor) -> list[Tensor]:
        """Whole ones; what is left over at the end is dropped."""
        count = pcm.shape[-1] // self.size
        return list(pcm[..., : count * self.size].chunk(count, dim=-1))

    def encoded(
        self, pcm: Tensor, moves: Tensor | None = None, reset: tuple[int, int] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Latents and codes of frame after frame, in the reference's window.

        `moves` is bool [frames, B]; `reset` is a row and the frame before which it begins anew.
        """
        stream = self.codec.encoder_stream(len(pcm), exact=False)
        latents = []
        for place, frame in enumerate(self.frames(pcm)):
            if reset is not None and place == reset[1]:
                stream.reset(torch.arange(len(pcm)) == reset[0])
            now = None if moves is None else moves[place]
            latents.append(self.codec.latent(frame, stream, now))
        latent = torch.cat(latents, dim=-1)
        return latent, self.codec.quantizer.encode(latent)

    def decoded(
        self, codes: Tensor, moves: Tensor | None = None, reset: tuple[int, int] | None = None
    ) -> Tensor:
        stream = self.codec.decoder_stream(len(codes), exact=False)
        parts = []
        for place, frame in enumerate(codes.unbind(-1)):
            if reset is not None and place == reset[1]:
                stream.reset(torch.arange(len(codes)) == reset[0])
            parts.append(
                self.codec.decode(frame[..., None], stream, None if moves is None else moves[place])
            )
        return torch.cat(parts, dim=-1)


@pytest.fixture(params=CODECS)
def fixture(request: pytest.FixtureRequest) -> Fixture:
    torch.set_num_threads(1)
    found = golden(request.param)
    return Fixture(Mimi.load(found.weights, MimiConfig.parse(found.raw)), found)


def close(found: Tensor, wanted: Tensor, tolerance: float) -> bool:
    assert found.shape == wanted.shape
    return bool(((found - wanted).abs() <= tolerance).all())


def test_frame_by_frame(fixture: Fixture) -> None:
    outputs = fixture.golden.outputs
    latent, codes = fixture.encoded(fixture.golden.inputs["pcm"])
    assert torch.equal(codes, outputs["codes"])
    assert close(latent, outputs["latent"], LATENT)
    assert close(fixture.decoded(outputs["codes"]), outputs["pcm"], PCM)


def test_fewer_codebooks(fixture: Fixture) -> None:
    outputs, pcm = fixture.golden.outputs, fixture.golden.inputs["pcm"]
    names = [name for name in outputs if name.startswith("pcm_first_")]
    assert names
    for name in names:
        count = int(name.split("_")[2])
        frames = outputs[name].shape[-1] // fixture.size
        first = outputs["codes"][:, :count, :frames]
        assert close(fixture.decoded(first), outputs[name], PCM)
        short = Mimi.load(fixture.golden.weights, fixture.codec.config, codebooks=count)
        _, codes = Fixture(short, fixture.golden).encoded(pcm[..., : frames * fixture.size])
        assert torch.equal(codes, first)


def test_a_row_that_is_reset(fixture: Fixture) -> None:
    outputs, event = fixture.golden.outputs, fixture.golden.about["reset"]
    row, before = event["row"], event["before_frame"]
    pcm = fixture.golden.inputs["pcm"]
    latent, codes = fixture.encoded(pcm, reset=(row, before))
    assert torch.equal(codes[row], outputs["reset.codes"])
    assert close(latent[row], outputs["reset.latent"], LATENT)
    others = torch.arange(len(pcm)) != row
    assert torch.equal(codes[others], outputs["codes"][others])
    mixed = outputs["codes"].clone()
    mixed[row] = outputs["reset.codes"]
    heard = fixture.decoded(mixed, reset=(row, before))
    assert close(heard[row], outputs["reset.pcm"], PCM)
    assert close(heard[others], outputs["pcm"][others], PCM)


def test_a_row_that_pauses(fixture: Fixture) -> None:
    outputs, event = fixture.golden.outputs, fixture.golden.about["pause"]
    row, (start, end) = event["row"], event["frames"]
    pcm = fixture.golden.inputs["pcm"]
    moves = torch.ones(pcm.shape[-1] // fixture.size, len(pcm), dtype=torch.bool)
    moves[start:end, row] = False
    latent, codes = fixture.encoded(pcm, moves)
    awake = moves[:, row]
    assert torch.equal(codes[row][:, awake], outputs["pause.codes"][:, awake])
    assert close(latent[row][:, awake], outputs["pause.latent"][:, awake], LATENT)
    mixed = outputs["codes"].clone()
    mixed[row] = outputs["pause.codes"]
    heard = fixture.decoded(mixed, moves)[row].view(1, -1, fixture.size)
    wanted = outputs["pause.pcm"].view(1, -1, fixture.size)
    assert close(heard[:, awake], wanted[:, awake], PCM)


def test_in_one_call(fixture: Fixture) -> None:
    """The window is exact then; where the fixture's window is short it says what that gives."""
    inputs, outputs = fixture.golden.inputs, fixture.golden.outputs
    kind = "full." if "full.codes" in outputs else ""
    codec, rows = fixture.codec, len(inputs["pcm"])
    frames = inputs["pcm"].shape[-1] // fixture.size
    latent = codec.latent(inputs["pcm"], codec.encoder_stream(rows, frames=frames))
    assert close(latent, outputs[f"{kind}latent"], LATENT)
    assert torch.equal(codec.quantizer.encode(latent), outputs[f"{kind}codes"])
    heard = codec.decode(outputs["codes"], codec.decoder_stream(rows, frames=frames))
    assert close(heard, outputs[f"{kind}pcm"], PCM)


def test_the_exact_window_frame_by_frame(fixture: Fixture) -> None:
    inputs, outputs = fixture.golden.inputs, fixture.golden.outputs
    kind = "full." if "full.codes" in outputs else ""
    stream = fixture.codec.encoder_stream(len(inputs["pcm"]))
    parts = [fixture.codec.latent(frame, stream) for frame in fixture.frames(inputs["pcm"])]
    latent = torch.cat(parts, dim=-1)
    assert close(latent, outputs[f"{kind}latent"], LATENT)
    codes = fixture.codec.quantizer.encode(latent)
    assert torch.equal(codes, outputs[f"{kind}codes"])
    if kind:
        first = fixture.golden.about["max_abs_diff_streaming_vs_full"]
        first = first["first_frame_where_full_differs"]
        assert torch.equal(codes[..., :first], outputs["codes"][..., :first])
        assert not close(latent[..., first], outputs["latent"][..., first], LATENT)


def test_the_codec_of_a_recogniser() -> None:
    """Zeros are put around the audio, and an incomplete last frame is dropped."""
    found = golden("stt_tiny")
    config = MimiConfig.parse(found.json("mimi_config.json"))
    count = found.inputs["codes"].shape[1]
    codec = Mimi.load(found.path / "mimi_weights.safetensors", config, codebooks=count)
    before, after = found.about["padded_samples"]
    pcm = torch.nn.functional.pad(found.inputs["pcm"], (before, after))
    stream = codec.encoder_stream(len(pcm), exact=False)
    parts = [codec.encode(frame, stream) for frame in Fixture(codec, found).frames(pcm)]
    assert torch.equal(torch.cat(parts, dim=-1), found.inputs["codes"])
