"""``copilot learn`` from calls: real stored calls, from touches to a version in use."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from copilot.cli import main
from copilot.core.events import CallStarted, CardTouched
from copilot.core.vocabulary import Touch
from copilot.retrieval.packs import load_packs
from copilot.store.log import open_store
from tests.helpers import Call, knows

KNOWLEDGE = Path(__file__).resolve().parents[2] / "knowledge"


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *words])


@pytest.fixture
def kept(data: Path) -> int:
    """A stored call for each of twelve passages of a pack, whose card the agent used."""
    (pack,) = load_packs(KNOWLEDGE, ["parcel"])
    passages = pack.passages[:12]

    async def keep() -> None:
        store = await open_store(f"sqlite:///{data / 'copilot.sqlite'}")
        for number, passage in enumerate(passages):
            call = Call(knows(replace(passage, score=80)))
            call.customer(f"hello there please tell me {passage.title}").quiet(12)
            assert call.state.card is not None
            call.give(CardTouched(1, Touch.USED))
            first, *rest = call.quiet(3).end().log
            assert isinstance(first.event, CallStarted)
            name = f"call-{number}"
            started = replace(first.event, call_id=name, packs=("parcel@1", "hotel@1"))
            store.append(name, [replace(first, event=started), *rest])
        await store.close()

    asyncio.run(keep())
    return len(passages)


def test_calls_teach_alone_and_beside_a_file(data: Path, kept: int, tmp_path: Path) -> None:
    done = run(data, "learn", "parcel", "--calls", "--json", "-")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made["calls"] == {
        "calls": kept, "answered": kept, "unanswerable": 0, "gone": 0, "wrong_only": 0,
    }  # fmt: skip
    assert made["queries"] == kept
    assert f"{kept} stored calls used the pack" in done.stderr
    (pack,) = load_packs(KNOWLEDGE, ["parcel"])
    file = tmp_path / "labels.jsonl"
    file.write_text(json.dumps({"query": "is it insured", "passage": pack.passages[-1].id}))
    both = run(
        data, "learn", "parcel", "--labels", str(file), "--since", "2020-01-01", "--json", "-"
    )
    assert json.loads(both.stdout)["queries"] == kept + 1


def test_too_few(data: Path, kept: int) -> None:
    for words, said in (
        (["parcel", "--since", "2999-01-01"], "0 labelled queries have a right passage"),
        (["hotel", "--calls"], "0 labelled queries have a right passage; at least 10"),
        (["parcel", "--calls", "--back"], "give --labels FILE or --calls to learn"),
    ):
        told = run(data, "learn", *words)
        assert told.exit_code == 2
        assert said in " ".join(told.stderr.split())
        assert "Traceback" not in told.output
