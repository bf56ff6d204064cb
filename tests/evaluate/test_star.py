"""``copilot evaluate star``: nothing of the moment itself is known, and other trades teach."""

import gzip
import json
from collections.abc import Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from copilot.cli import main
from copilot.errors import DataError
from copilot.evaluate.adoption import traits
from copilot.evaluate.choosing import choices, learn, ranks, spread_of
from copilot.evaluate.scripts import Moment, in_words, read_star
from copilot.ports import Embedder

SCRIPTS = {
    f"{trade}_book": {
        "hello": "Hello, how can I help?",
        "ask_name": "May I have your name, please?",
        f"{trade}_ask_day": f"On what day do you need the {trade}?",
        f"{trade}_offer": f"I found a {trade} for {{price:d}} credits, shall I book it?",
        f"{trade}_booked": f"Your {trade} is booked.",
        "goodbye": "Thank you and goodbye.",
    }
    for trade in ("hotel", "taxi", "table")
}


def customer(text: str, s: int) -> dict[str, Any]:
    return {"who": "customer", "do": "say", "text": text, "s": s}


def agent(do: str, text: str, s: int, label: str = "") -> list[dict[str, Any]]:
    draft = {"who": "agent", "do": "draft", "text": f"typed {text}", "s": s - 1}
    said: dict[str, Any] = {"who": "agent", "do": do, "text": text, "s": s}
    if label:
        said |= {"label": label, "offered": [label, "hello"]}
    return [draft, said]


def script(trade: str, label: str, s: int) -> list[dict[str, Any]]:
    return agent("say_script", SCRIPTS[f"{trade}_book"][label], s, label)


def dialogue(number: int, trade: str, chatty: bool) -> dict[str, Any]:
    """A booking; a chatty customer is answered in own words."""
    lookup = {"who": "agent", "do": "lookup", "api": f"{trade}_book", "s": 40}
    item = {"APIName": f"{trade}_book", "Price": 40, "id": number}
    events = [
        customer("good morning", 1),
        *script(trade, "hello", 5),
        customer(f"I would like to book a {trade}", 9),
        *script(trade, "ask_name", 13),
        customer("Alexis", 16),
        *script(trade, f"{trade}_ask_day", 20),
        customer("on Sunday", 26),
        lookup,
        {"who": "system", "do": "result", "item": item},
        *script(trade, f"{trade}_offer", 45),
    ]
    if chatty:
        events += [customer("haha my dog told me the funniest joke about cats today", 50)]
        events += agent("say_own", "That is a good one!", 55)
    events += [customer("yes please", 60), *script(trade, f"{trade}_booked", 63)]
    events += [customer("thank you bye", 66), *script(trade, "goodbye", 69)]
    return {"id": number, "domains": [trade], "tasks": [f"{trade}_book"], "events": events}


def written(place: Path, dialogues: list[dict[str, Any]], scripts: object = SCRIPTS) -> Path:
    place.mkdir(exist_ok=True)
    lines = "\n".join(json.dumps(row) for row in dialogues)
    (place / "dialogues.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (place / "scripts.json.gz").write_bytes(gzip.compress(json.dumps(scripts).encode()))
    return place


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    trades = cycle(["hotel", "taxi", "table"])
    rows = [dialogue(n, trade, n % 5 < 2) for n, trade in zip(range(150), trades, strict=False)]
    return written(tmp_path_factory.mktemp("star"), rows)


def texts(moments: tuple[Moment, ...]) -> list[str]:
    found = [text for m in moments for text in (*m.customer, m.agent, m.found)]
    return [*found, *(line.text for m in moments for line in m.lines)]


def vectors(moments: tuple[Moment, ...], embedder: Embedder) -> Mapping[str, np.ndarray]:
    distinct = [text for text in dict.fromkeys(texts(moments)) if text]
    known = dict(zip(distinct, embedder.embed(distinct), strict=True))
    return {"": np.zeros(embedder.dim, np.float32), **known}


def test_what_was_known_when_the_agent_spoke(tmp_path: Path) -> None:
    moments = read_star(written(tmp_path, [dialogue(1, "hotel", chatty=True)]))
    assert [m.own for m in moments] == [False, False, False, False, True, False, False]
    offer, joke = moments[3], moments[4]
    assert offer.customer[-1] == "on Sunday"
    assert offer.found == "hotel book: price"
    assert offer.apis == ("hotel_book",)
    assert [offer.lines[row].label for row in offer.taken] == ["hello", "ask_name", "hotel_ask_day"]
    assert [offer.lines[row].label for row in offer.right] == ["hotel_offer"]
    assert offer.lines[3].text == "I found a hotel for price credits, shall I book it?"
    assert offer.replies_s == (4, 3, 6)
    assert (joke.found, joke.right, joke.wrote) == ("", (), (False,) * 4)
    assert moments[5].wrote == (False,) * 4 + (True,)


def test_nothing_of_the_moment_itself_or_after_it_is_known(
    tmp_path: Path, embedder: Embedder
) -> None:
    """Other drafts, offers, words and a different end leave every earlier moment as it was."""
    whole = dialogue(1, "hotel", chatty=True)
    other = json.loads(json.dumps(whole))
    spoken = [n for n, e in enumerate(other["events"]) if e["do"].startswith("say_")]
    last = spoken[4]
    for event in other["events"]:
        if event["do"] == "draft":
            event["text"] = "something else entirely"
        if "offered" in event:
            event["offered"] = []
    other["events"][last] = agent("say_script", "Goodbye.", 999, "goodbye")[1]
    other["events"] = [*other["events"][: last + 1], customer("what", 1000)]
    before = read_star(written(tmp_path / "a", [whole]))[:5]
    after = read_star(written(tmp_path / "b", [other]))[:5]
    known = vectors((*before, *after), embedder)
    assert before[4].own
    assert not after[4].own
    for one, two in zip(before, after, strict=True):
        assert traits(one, known) == traits(two, known)
    spread = spread_of(before)
    assert np.array_equal(
        choices(before, known, *spread).features, choices(after, known, *spread).features
    )


def test_lines_of_an_unseen_trade_are_found(many: Path, embedder: Embedder) -> None:
    moments = read_star(many)
    found = choices(moments, vectors(moments, embedder), *spread_of(moments))
    right = [moment.right for moment in moments]
    has = np.array(["hotel" in moment.trades for moment in moments])
    weights = learn(found, right, np.flatnonzero(~has))
    placed = ranks(found, right, np.flatnonzero(has), weights)
    assert (placed == 1).mean() > 0.9
    # without weights all lines are alike, and a tie is no success
    assert (ranks(found, right, np.flatnonzero(has), weights * 0) == 6).all()


def test_the_command_learns_from_other_trades(many: Path, tmp_path: Path) -> None:
    words = ["--data", str(tmp_path), "evaluate", "star", "--data", str(many), "--json", "-"]
    told = CliRunner().invoke(main, words)
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["dialogues"], found["moments"]) == (150, 960)
    assert [trade["name"] for trade in found["trades"]] == ["hotel", "table", "taxi"]
    assert found["unseen_mean"] > 0.9
    assert found["seen"] > 0.9
    assert found["five"] >= found["first"] > 0.8

    one = written(tmp_path / "one", [dialogue(n, "hotel", n % 2 > 0) for n in range(20)])
    words[words.index(str(many))] = str(one)
    alone = CliRunner().invoke(main, words)
    assert alone.exit_code == 2
    assert "has but one trade; give --train" in alone.stderr
    there = json.loads(CliRunner().invoke(main, [*words, "--train", str(many)]).stdout)
    assert there["moments"] == 130
    assert there["seen"] is None
    assert there["unseen_mean"] > 0.9


def test_answers_in_words() -> None:
    assert in_words(None) == "nothing found"
    assert in_words({"APIName": "x", "Message": "Ride booked."}) == "Ride booked."
    assert in_words({"APIName": "ride_book", "RideWait": 3, "id": 1}) == "ride book: ride wait"


@pytest.mark.parametrize(
    ("rows", "scripts", "said"),
    [
        (b"{}", None, "scripts.json.gz: is missing"),
        (b"{}", SCRIPTS, "dialogues.jsonl.gz:1: is no dialogue"),
        (b"", SCRIPTS, "in no dialogue an agent speaks"),
        (None, SCRIPTS, "dialogues.jsonl.gz: is missing"),
        (b"", ["a"], "holds no lines by task and label"),
    ],
)
def test_another_layout_is_told(
    tmp_path: Path, rows: bytes | None, scripts: object, said: str
) -> None:
    if rows is not None:
        (tmp_path / "dialogues.jsonl.gz").write_bytes(gzip.compress(rows))
    if scripts is not None:
        (tmp_path / "scripts.json.gz").write_bytes(gzip.compress(json.dumps(scripts).encode()))
    with pytest.raises(DataError) as caught:
        read_star(tmp_path)
    assert said in str(caught.value)
    (tmp_path / "scripts.json.gz").write_bytes(b"no gzip")
    with pytest.raises(DataError, match="cannot be read"):
        read_star(tmp_path)
