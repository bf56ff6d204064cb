"""What each part is worth, over sources in little."""

from pathlib import Path

import numpy as np
from rich.console import Console

from copilot.evaluate.ablation import PARTS, ablate, render
from copilot.evaluate.fitting import NEED_FEATURES
from copilot.evaluate.memo import Memo
from copilot.evaluate.training import CORPORA, table
from copilot.ports import Embedder
from copilot.retrieval.packs import load_packs
from tests.evaluate.test_training import KNOWLEDGE, data  # noqa: F401  a fixture
from tests.evaluate.test_turns import quiet


def test_every_part_is_left_out_once_and_names_are_worth_most(
    data: Path,  # noqa: F811
    embedder: Embedder,
) -> None:
    same = np.zeros((embedder.dim, embedder.dim), np.float32)
    with table(data, load_packs(KNOWLEDGE), Memo(embedder), same, quiet) as made:
        result = ablate(made, CORPORA[0])
    rows = {one.without: one for one in result.order}
    assert set(PARTS) < set(rows)
    assert rows["nothing"].r1 > rows["all names"].r1
    assert all(0 <= one.r1 <= one.r5 <= 1 for one in result.order)
    assert [one.without for one in result.need] == ["nothing", *NEED_FEATURES]
    console = Console(width=60, record=True)
    console.print(render(result))
    assert max(map(len, console.export_text().splitlines())) <= 60
