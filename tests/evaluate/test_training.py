"""Training whole, over sources in little: what it writes is what search and gate use."""

import gzip
from pathlib import Path

import msgspec
import pytest

from copilot.core.policy import Policy
from copilot.evaluate.memo import Memo
from copilot.evaluate.moments import Moment, as_pack
from copilot.evaluate.tables import searching
from copilot.evaluate.training import CORPORA, train
from copilot.evaluate.turns import judge_all
from copilot.ports import Embedder
from copilot.retrieval.packs import load_packs
from copilot.retrieval.ranking import FEATURES
from copilot.trained import recipe, trained
from tests.evaluate.test_turns import MOMENTS, quiet
from tests.retrieval.test_focus import BRANCHES, passages

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
ASKS = ("Is there wifi?", "Do they have wifi there?", "Can I park my car?", "How can I pay?")
ANSWERS = ("Tuesday please", "My name is Bob", "For two people", "Yes book it", "No that is all")
TALK = "our revenue grew by six percent and the margin of the segment improved in europe".split()


def lines(file: Path, rows: list[object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(b"\n".join(msgspec.json.encode(row) for row in rows)))


def turns_of(name: str, line: str) -> list[dict[str, str]]:
    return [
        {"speaker": "agent", "text": f"I have booked {name} for you."},
        {"speaker": "customer", "text": line},
    ]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    known = [
        {"id": p.id, "domain": "b", "entity_name": p.entity, "title": p.title, "body": p.text}
        for p in passages()
    ]
    moments: list[object] = []
    for name in BRANCHES:
        key = name.split()[0].lower()
        gold = [f"b/{key}#wifi", f"b/{key}#wifi", f"b/{key}#park", "b/all#pay"]
        for n, (line, passage) in enumerate(zip(ASKS, gold, strict=True)):
            row = {"id": f"{key}-moment{n}", "turns": turns_of(name, line), "needs": True}
            moments.append(row | {"gold": [passage]})
        for n, line in enumerate(ANSWERS):
            moments.append({"id": f"{key}-{n}", "turns": turns_of(name, line), "needs": False})
    for corpus in CORPORA:
        lines(folder / "turns" / corpus / "knowledge.jsonl.gz", list(known))
        lines(folder / "turns" / corpus / "turns.jsonl.gz", moments)
    seeking = folder / "dstc9_train_knowledge_seeking"
    lines(seeking / "utterances.jsonl.gz", [{"text": f"{line} {n}"} for line in ASKS for n in "ab"])
    lines(seeking / "with_snippet.jsonl.gz", [{"kind": "two", "text": "x", "knowledge": []}])
    events = [
        {"who": "agent", "do": "say_script", "text": "When?", "label": "ask_time"},
        {"who": "customer", "do": "say", "text": "At nine"},
    ]
    lines(folder / "star" / "dialogues.jsonl.gz", [{"events": events}])
    for name in ("insurance_intent_turns", "development_test_utterances"):
        lines(folder / "natcs" / f"{name}.jsonl.gz", [{"utterance": f"{ASKS[0]} {name}"}])
    lines(folder / "banking77" / "train.json.gz", [[["is my card on its way", "card_arrival"]]])
    intents = [
        [f"{verb} my {thing}", thing] for thing in ("bill", "card") for verb in "abcdefghijkl"
    ]
    lines(folder / "clinc150" / "train_val.json.gz", [{"train": intents}])
    asr = [[word, "1", n * 0.4, n * 0.4 + 0.3] for n, word in enumerate(TALK * 10)]
    lines(folder / "earnings21" / "1.json.gz", [{"id": "1", "seconds": 70, "asr": asr}])
    return folder


def test_what_is_trained_is_written_and_decides(
    data: Path, embedder: Embedder, tmp_path: Path
) -> None:
    memo = Memo(embedder)
    train(data, load_packs(KNOWLEDGE), tmp_path, memo, 0.01, quiet)
    made = trained(tmp_path)
    assert made.embedder == embedder.name
    assert set(made.ranker) == set(FEATURES)
    assert made.adapter.shape == (embedder.dim, embedder.dim)
    assert set(recipe(tmp_path).moments) == set(CORPORA)
    with searching([as_pack("b", passages())], memo, made, quiet) as retriever:
        asked: list[Moment] = MOMENTS[:2]
        judged = judge_all(asked, retriever, Policy(), made.need, quiet)
    assert [one.rank for one in judged] == [1, 1]
    assert all(one.need > 0 for one in judged)
