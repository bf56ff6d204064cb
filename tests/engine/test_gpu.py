"""On a GPU: graphs, kernels of our own and smaller weights compute what a CPU does."""

import pytest
import torch

from copilot.engine.bench.run import run
from copilot.engine.cache import FP8
from copilot.engine.edge import SlotOutput
from copilot.engine.errors import EngineError
from copilot.engine.fused import check_current
from copilot.engine.lm import LanguageModel
from copilot.engine.sampling import GREEDY
from copilot.engine.slots import Slots
from tests.engine.driver import check_slots
from tests.engine.golden import golden
from tests.engine.models import Frames, random_weights

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
GPU = torch.device("cuda")


@pytest.fixture(autouse=True)
def _exact() -> None:
    """Products in float32, not in the shorter floats of tensor cores."""
    torch.backends.cuda.matmul.allow_tf32 = False


def test_graphs_give_the_tokens_of_the_reference() -> None:
    check_slots(golden("moshi_tiny"), GPU)


@pytest.mark.parametrize("kv", [torch.float32, torch.bfloat16, FP8])
def test_a_gpu_says_what_a_cpu_says(kv: torch.dtype) -> None:
    said: list[list[SlotOutput]] = []
    for device in ("cpu", GPU):
        config, weights = random_weights()
        model = LanguageModel(config, {name: one.to(device) for name, one in weights.items()})
        slots, frames = Slots(model, 3, kv=kv), Frames(config, 1)
        mine = slots.admit(sampling=GREEDY)
        slots.admit()
        said.append([slots.step({mine: frames.input()._replace(text=5)})[mine] for _ in range(40)])
    for ours, theirs in zip(*said, strict=True):
        assert abs(ours.wish - theirs.wish) < (1e-4 if kv == torch.float32 else 0.1)


def test_the_bench_s_own_checks() -> None:
    figures = run(sections=("check",), device="cuda", say=lambda _: None)
    assert len(figures["points"]) > 30
    assert [point for point in figures["points"] if not point["fits"]] == []


def test_a_gpu_that_is_not_the_current_one() -> None:
    other = torch.cuda.current_device() + 1
    with pytest.raises(EngineError, match=f"CUDA_VISIBLE_DEVICES={other}"):
        check_current(torch.device("cuda", other))
