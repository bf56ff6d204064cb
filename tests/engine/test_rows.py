"""A tick at every published size: shapes fit, and nothing in it asks the device for a value."""

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from copilot.engine.cache import FP8
from copilot.engine.errors import EngineError
from copilot.engine.lm import LanguageModel
from copilot.engine.names import expected, running
from copilot.engine.presets import lm_preset
from copilot.engine.rows import Rows, told_width
from tests.engine.models import random_weights


@pytest.mark.parametrize(
    ("name", "kv"),
    [
        ("moshiko-7b", torch.bfloat16),
        ("personaplex-7b-v1", FP8),
        ("stt-1b-en_fr", FP8),
        ("stt-1b-en_fr-candle", torch.bfloat16),
        ("stt-2.6b-en", torch.bfloat16),
    ],
)
def test_a_tick_is_fit_for_a_graph(name: str, kv: torch.dtype) -> None:
    """Fake tensors have shapes and no values: to ask for one, or for a shape that hangs on one, as
    a graph cannot, is an error."""
    config = lm_preset(name)
    with FakeTensorMode():
        shapes = expected(running(config)).items()
        weights = {name: torch.empty(shape, dtype=torch.bfloat16) for name, shape in shapes}
        rows = Rows(LanguageModel(config, weights), 4, config.context, kv)
        for depth in (False, True):
            forward = rows.tick(3, 64, depth)
            assert forward.hidden.shape == (3, config.dim)
            assert forward.following.shape == (3, config.rows)
            assert (forward.audio_logits is not None) == (depth and config.steps > 0)
        assert rows.told.shape == (4, told_width(config))


def test_delays_that_are_not_built() -> None:
    delays = (0, *(0, *[2] * 7), *(0, *[1] * 7))
    config, weights = random_weights(delays=delays)
    with pytest.raises(EngineError, match=r"delays = \[0, 0, 2, .*: expected 0 for the text"):
        Rows(LanguageModel(config, weights), 1, 24, torch.float32)


def test_a_token_that_is_none_adds_nothing() -> None:
    config, weights = random_weights()
    model = LanguageModel(config, weights)
    column = torch.arange(config.rows)[None, :, None]
    without = column.clone()
    without[0, [0, 5]] = -1
    removed = weights["text_emb.weight"][0] + weights["emb.4.weight"][5]
    torch.testing.assert_close(model.embed(column)[0, 0] - removed, model.embed(without)[0, 0])
    assert not model.embed(torch.full_like(column, -1)).any()
