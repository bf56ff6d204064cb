"""``copilot evaluate scope``: both layouts, and a base that knows what it cannot answer."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from copilot.cli import main
from copilot.errors import DataError
from copilot.evaluate.intents import read_intents
from copilot.evaluate.scope import separation

THINGS = "parcel invoice password refund address voucher coupon brochure contract parking".split()
OTHERS = ["newsletter", "warranty"]
ASKED = [
    "where is my {}", "I have lost my {}", "can you change the {} for me", "my {} is wrong",
    "when do I get the {}", "tell me about the {} please", "there is a problem with the {}",
    "how do I cancel the {}",
]  # fmt: skip
MORE = ["what about my {} then", "I need help with a {}"]
FAR = ["who won the football match", "play some jazz", "how tall is the tallest mountain"]


def pairs(things: list[str], lines: list[str], intent: str = "") -> list[list[str]]:
    return [[line.format(thing), intent or f"{thing}_help"] for thing in things for line in lines]


def folder(place: Path, **parts: object) -> Path:
    place.mkdir(exist_ok=True)
    for name, rows in parts.items():
        file = place / f"{name.replace('__', '-')}.json.gz"
        file.write_bytes(gzip.compress(json.dumps(rows).encode()))
    return place


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return folder(
        tmp_path / "shop",
        train=pairs(THINGS, ASKED),
        valid=pairs(THINGS, MORE),
        id__oos_valid=pairs(OTHERS, MORE, "oos"),
        ood__oos_valid=[[line, "oos"] for line in FAR],
        id__oos_train=pairs(OTHERS, ASKED, "oos"),
    )


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["evaluate", "scope", *words])


def test_a_base_tells_what_it_cannot_answer(small: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(
        main, ["--data", str(tmp_path), "evaluate", "scope", "--data", str(small), "--json", "-"]
    )
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    cosine, scope, taught = found["rows"]
    assert (found["intents"], found["examples"], found["asked"]) == (10, 80, 20)
    assert cosine["held_out"] is None
    assert scope["accuracy"] >= 0.9
    assert scope["other"]["auroc"] >= 0.95
    assert taught["near"]["auroc"] >= 0.9
    assert scope["near"]["questions"] == 4
    assert sum(bar["mass"] for bar in found["picture"]) == pytest.approx(1)


def test_one_file_with_all_parts(tmp_path: Path) -> None:
    train, val = pairs(THINGS, ASKED), pairs(THINGS, MORE)
    everything = {"train": train, "val": val, "oos_val": [[line, "oos"] for line in FAR]}
    intents = {"shop": ["parcel_help"]}
    place = folder(tmp_path / "one", train_val=everything, domains=intents)
    found = read_intents(place)
    assert (found.part, len(found.examples), len(found.asked)) == ("val", 80, 20)
    assert (found.near, found.other, found.told) == ((), tuple(FAR), ())


def test_a_test_part_is_measured_with_questions_from_another_folder(
    small: Path, tmp_path: Path
) -> None:
    near = [[line, "oos"] for line in FAR]
    held = folder(tmp_path / "held", test=pairs(THINGS[:2], MORE), id__oos_test=near)
    found = read_intents(held, small)
    assert (found.part, len(found.asked), found.near) == ("test", 4, tuple(FAR))
    assert len(found.examples) == 80
    assert len(found.told) == 16
    with pytest.raises(DataError, match="held: has no part named train"):
        read_intents(held)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, "holds no .json.gz file"),
        ({"train": [["a", "b"]]}, "has no part named valid, val or test"),
        ({"train": [["a", "b"]], "valid": [["c", "b"]]}, "has no uncovered questions"),
        (
            {"train": [["a", "b"]], "valid": [["c", "d"]], "oos_valid": [["e", "oos"]]},
            "valid asks for 'd', which train does not have",
        ),
        (
            {"train": [["a", "b"]], "valid": [["c", "b"]], "oos_valid": [["e", "oos"]]},
            "0 of 1 passages have 5 example questions",
        ),
    ],
)
def test_another_layout_is_told_in_one_line(
    tmp_path: Path, parts: dict[str, object], said: str
) -> None:
    told = CliRunner().invoke(
        main,
        [
            "--data",
            str(tmp_path),
            "evaluate",
            "scope",
            "--data",
            str(folder(tmp_path / "x", **parts)),
        ],
    )
    assert told.exit_code == 2
    assert said in told.stderr
    assert "Traceback" not in told.stderr


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "train.json.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match=r"train\.json\.gz: cannot be read"):
        read_intents(tmp_path)


def test_rejection_is_measured_where_enough_are_answered() -> None:
    covered = np.arange(100, dtype=float)
    found = separation(covered, np.array([4.0, 5.0, 5.5, 99.5]), probability=False)
    assert found is not None
    # 95 of 100 are at or above 5
    assert found.rejected == pytest.approx(1 / 4)
    assert found.calibration_error is None
    assert separation(covered, np.empty(0), probability=False) is None
