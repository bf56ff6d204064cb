"""Draws follow the probabilities, and depend on seed, position, stream and nothing else."""

import pytest
import torch
from torch import Tensor

from copilot.engine.errors import EngineError
from copilot.engine.sampling import MAX_SEED, TEXT, Dice, Sampling, gumbel, pick, uniform

MANY = 40_000


def dice(count: int, temperature: float = 1.0, top_k: int = 256, position: int = 0) -> Dice:
    return Dice(
        torch.full((count,), temperature),
        torch.full((count,), top_k),
        torch.arange(count),
        torch.full((count,), position),
    )


def shares(logits: Tensor, thrown: Dice) -> Tensor:
    tokens = pick(logits.expand(len(thrown.seed), -1), thrown, TEXT)
    return tokens.bincount(minlength=len(logits)) / len(tokens)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("top_k", [2, 4, 256])
def test_draws_follow_the_probabilities(temperature: float, top_k: int) -> None:
    logits = torch.tensor([0.3, 2.0, -1.0, 1.5, 0.0, 1.2])
    wanted = (logits / temperature).softmax(0)
    wanted[wanted < wanted.topk(min(top_k, 6)).values[-1]] = 0
    wanted /= wanted.sum()
    found = shares(logits, dice(MANY, temperature, top_k))
    spread = (wanted * (1 - wanted) / MANY).sqrt()
    assert ((found - wanted).abs() <= 4.5 * spread).all()


def test_the_same_holds_over_positions_and_streams() -> None:
    logits = torch.tensor([0.0, 0.0, 0.0, 0.0])
    same = torch.zeros(MANY, dtype=torch.int64)
    one = Dice(torch.ones(MANY), same + 4, same, torch.arange(MANY))
    assert (shares(logits, one) - 0.25).abs().max() < 0.01
    a, b = (gumbel(one, stream, same[:, None])[:, 0] for stream in (0, 1))
    assert abs(torch.corrcoef(torch.stack((a, b)))[0, 1]) < 0.02
    assert abs(torch.corrcoef(torch.stack((a[1:], a[:-1])))[0, 1]) < 0.02


def test_a_draw_does_not_hang_on_its_place() -> None:
    logits = torch.randn(7, 300)
    thrown = dice(7)
    drawn = pick(logits, thrown, 3)
    order = torch.tensor([4, 2, 6])
    assert torch.equal(pick(logits[order], Dice(*(one[order] for one in thrown)), 3), drawn[order])
    assert not torch.equal(pick(logits, dice(7, position=1), 3), drawn)
    assert not torch.equal(pick(logits, thrown, 4), drawn)


def test_noise_is_a_number_whatever_the_bits() -> None:
    bits = torch.tensor([0, 1, 511, 2**31, MAX_SEED - 1, MAX_SEED])
    share = uniform(bits)
    assert ((share > 0) & (share < 1)).all()
    assert torch.isfinite(torch.log(-torch.log(share))).all()


def test_greedy_takes_the_first_of_the_most_probable() -> None:
    logits = torch.tensor([[1.0, 3.0, 3.0], [5.0, 3.0, 3.0]])
    assert pick(logits, dice(2, temperature=0), TEXT).tolist() == [1, 0]
    assert pick(logits[1:], dice(1, top_k=1), TEXT).tolist() == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"text_temperature": -0.1},
        {"audio_temperature": float("nan")},
        {"text_top_k": 0},
        {"audio_top_k": 257},
        {"seed": -1},
        {"seed": 2**32},
        {"pad_bias": float("nan")},
    ],
)
def test_parameters_that_mean_nothing(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(EngineError, match=f"{name} = "):
        Sampling(**wrong)  # type: ignore[arg-type]
