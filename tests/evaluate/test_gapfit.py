"""The model of gaps: what it is fitted to, how it is measured, what ships."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from copilot.core.gap import FEATURES
from copilot.core.vocabulary import Party
from copilot.evaluate.dialogues import HORIZONS, Timed, earnings, moments
from copilot.evaluate.gapfit import chances, fit, measure
from copilot.trained import FOLDER, gap_model

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def said(text: str, start: float, each: float = 0.3) -> list[tuple[str, float, float]]:
    return [(word, start + n * each, start + (n + 1) * each) for n, word in enumerate(text.split())]


def dialogue(name: str, wait: float) -> Timed:
    """A question, the agent's patience, and the customer again after so many seconds."""
    asked = said("can i change the address of it", 3.0)
    end = asked[-1][2]
    return Timed(
        name,
        name,
        {
            Party.AGENT: said("good morning how can i help", 0.5),
            Party.CUSTOMER: [*asked, *said("because i moved to the", end + wait)],
        },
    )


def test_moments_say_when_the_customer_spoke_again() -> None:
    found = moments([dialogue("a", 2.0)])
    asked = found.features[:, FEATURES.index("asked")] == 100
    assert asked.any()
    started = found.started[asked]
    # in the first moments 2 s are far, in the last ones near; never sooner than later
    assert not started[0, 0]
    assert started[-1].all()
    assert (np.diff(started.astype(int), axis=1) >= 0).all()
    assert found.started.shape[1] == len(HORIZONS)


def test_a_gap_that_the_call_cuts_off_is_left_out() -> None:
    alone = Timed("b", "b", {Party.AGENT: said("good morning", 0.5), Party.CUSTOMER: []})
    assert len(moments([alone]).features) == 0


def test_a_fit_knows_how_soon_customers_go_on() -> None:
    dice = np.random.default_rng(1)
    waits = [dialogue(f"s{n}", float(dice.uniform(0.5, 1.5))) for n in range(60)]
    found = moments(waits)
    model = fit({"earnings21": found})
    measured = measure(model, {"earnings21": found})
    scores = measured.scores["earnings21"]
    assert all(one.brier <= one.constant + 0.01 for one in scores)
    assert scores[1].brier < 0.9 * scores[1].constant


def test_what_ships_beats_a_constant_rate_on_dialogues_it_never_saw() -> None:
    recipe = msgspec.json.decode((FOLDER / "GAP_RECIPE.json").read_bytes())
    for source in ("earnings21", "synthetic"):
        for one in recipe["held_out"][source]:
            assert one["brier"] < one["constant"], (source, one)
    assert recipe["picture"]["ece"] < 0.1
    assert len((FOLDER / "gap.json").read_bytes()) < 6000


def test_the_recipes_figures_are_those_of_the_public_dialogues() -> None:
    folder = DATA / "earnings21"
    if not folder.is_dir():
        pytest.skip("shared/data is not here: no public dialogues")
    # a few of the held-out talks, measured again
    talks = earnings(folder)
    names = list(dict.fromkeys(one.talk for one in talks))
    held = [one for one in talks if names.index(one.talk) % 4 == 3][:3]
    found = moments(held)
    said_ = chances(gap_model(), found.features)[:, 3] / 100
    came = found.started[:, 3]
    assert np.mean((said_ - came) ** 2) < 0.7 * np.mean((came.mean() - came) ** 2)
