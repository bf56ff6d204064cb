"""On a GPU: graphs, kernels of our own and smaller weights compute what a CPU does."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from copilot.engine.cache import FP8
from copilot.engine.edge import SlotOutput
from copilot.engine.fused import attends, fused
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


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, FP8])
@pytest.mark.parametrize("rows", [1, 5, 40])
def test_attention_over_rings(kind: torch.dtype, rows: int) -> None:
    if not attends(GPU, 64, kind == FP8):
        pytest.skip("no kernel of our own on this GPU")
    from copilot.engine.kernels import attend

    compute = torch.float32 if kind == torch.float32 else torch.bfloat16
    store = torch.randn(2, rows + 1, 8, 320, 64, device=GPU).to(kind)
    query = torch.randn(rows, 8, 64, device=GPU, dtype=compute)
    position = torch.randint(0, 900, (rows,), device=GPU)
    position[0] = 0
    keys, values = store[:, :rows]
    visible = torch.arange(320, device=GPU) <= position.clamp(max=299)[:, None]
    wanted = scaled_dot_product_attention(
        query[:, :, None].float(), keys.float(), values.float(), attn_mask=visible[:, None, None]
    )[:, :, 0]
    seen = attend(query, keys, values, position, 300).float()
    torch.testing.assert_close(seen, wanted, rtol=0, atol=1e-4 if kind == torch.float32 else 2e-2)


@pytest.mark.parametrize("rows", [1, 17, 100])
def test_products_with_int8(rows: int) -> None:
    if not fused(GPU):
        pytest.skip("no kernel of our own on this GPU")
    from copilot.engine.kernels import int8_product

    x = torch.randn(rows, 300, device=GPU, dtype=torch.bfloat16)
    matrix = torch.randint(-127, 128, (200, 300), device=GPU, dtype=torch.int8)
    scale = torch.rand(200, device=GPU) / 127
    wanted = (x.float() @ matrix.float().T) * scale
    made = int8_product(x, matrix, scale).float()
    torch.testing.assert_close(made, wanted, rtol=2e-2, atol=0.1)
