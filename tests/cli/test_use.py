"""Commands about stored calls: evaluate, whatif, label, labels, gaps; empty states, mistakes."""

import asyncio
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from copilot.cli import main
from copilot.core.events import CallStarted, CardTouched, Entry, EvidenceFound, Heard, Search
from copilot.core.policy import Policy
from copilot.core.vocabulary import NeedModel, Signals, Touch
from copilot.evaluate.logs import write
from copilot.evaluate.whatif import rerun
from copilot.ports import Embedder
from copilot.retrieval.packs import load_packs
from copilot.store.log import open_store
from copilot.trained import trained_for
from tests.helpers import SEEKS, Call, knows, passage
from tests.retrieval.shop import shop

Run = Callable[..., Result]


def call(name: str, score: int = 80, touch: Touch | None = None) -> list[Entry]:
    made = Call(knows(passage(score=score)), Policy(min_support=50))
    made.customer("can i change the delivery address please").quiet(12)
    if touch:
        made.give(CardTouched(1, touch))
    first, *rest = made.quiet(60).end().log
    assert isinstance(first.event, CallStarted)
    return [replace(first, event=replace(first.event, call_id=name)), *rest]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command line on a data folder of its own."""
    return lambda *words: CliRunner().invoke(main, ["--data", str(tmp_path / "var"), *words])


@pytest.fixture
def kept(tmp_path: Path) -> None:
    """Two stored calls: a used card, and a silence."""

    async def keep() -> None:
        (tmp_path / "var").mkdir()
        store = await open_store(f"sqlite:///{tmp_path / 'var' / 'copilot.sqlite'}")
        store.append("one", call("one", touch=Touch.USED))
        store.append("two", call("two", 30))
        await store.close()

    asyncio.run(keep())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "one.jsonl"
    path.write_bytes(write(call("one", touch=Touch.USED)))
    return path


def mistake(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    "command",
    ["evaluate", "evaluate calls", "evaluate whatif", "label", "labels", "labels import", "gaps"],
)
def test_each_command_explains_itself(run: Run, command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert len(result.output) > 150


@pytest.mark.parametrize(
    "command",
    ["evaluate calls --all", "evaluate whatif --all --set min_support=60", "gaps --all"],
)
def test_without_any_stored_call(run: Run, command: str) -> None:
    result = run(*command.split())
    assert result.exit_code == 0
    assert "No stored calls yet" in result.output


def test_since_a_day_after_all_calls(run: Run, kept: None) -> None:
    assert "No stored call since 2999-01-01" in run("gaps", "--since", "2999-01-01").output


def test_calls_are_evaluated(run: Run, kept: None, tmp_path: Path) -> None:
    svg, figures = tmp_path / "x.svg", tmp_path / "x.json"
    done = run("evaluate", "calls", "--all", "--picture", str(svg), "--json", str(figures))
    assert done.exit_code == 0, done.output
    assert "100 %: 1 of 1 cards" in " ".join(done.output.split())
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    written = json.loads(figures.read_text())
    assert (written["calls"], written["precision"]["rate"]) == (2, 1.0)
    alone = run("evaluate", "calls", "--all", "--json", "-")
    assert json.loads(alone.stdout)["cards"] == 1


def test_a_folder_of_logs_is_run_again(run: Run, log: Path) -> None:
    done = run(
        "evaluate", "whatif", str(log.parent), "--set", "min_support=90", "--set",
        "early_support=90", "--no-search", "--json", "-",
    )  # fmt: skip
    written = json.loads(done.stdout)
    assert written["changes"] == {"min_support": 90, "early_support": 90}
    assert (written["fates"]["lost"], written["useful_lost"]) == (1, 1)


@pytest.mark.parametrize(
    ("seeking", "value", "fate"),
    [
        (90, 'do_not_trigger=["can i change"]', "lost"),
        (90, "min_need=100", "lost"),
        (90, "budget=0", "lost"),
        (20, "min_need=10", "silent"),
        (20, 'trigger=["delivery address"]', "new"),
    ],
)
def test_any_value_of_the_policy_may_change(
    run: Run, tmp_path: Path, seeking: int, value: str, fate: str
) -> None:
    """Less need than the budget asks for is silence whatever `min_need` is."""
    made = Call(knows(passage()), need=SEEKS, signals=Signals(seeking=seeking))
    made.customer("can i change the delivery address please").quiet(60)
    path = tmp_path / "asked.jsonl"
    path.write_bytes(write(made.end().log))
    done = run("evaluate", "whatif", str(path), "--set", value, "--no-search", "--json", "-")
    assert json.loads(done.stdout)["fates"][fate] == 1, done.output


def test_what_the_duplex_model_adds_can_be_taken_away(run: Run, tmp_path: Path) -> None:
    """Here the card came of the wish alone: a gate that sees only text has none."""
    wishes = NeedModel({"wish": 1}, 0, ((0, 0), (100, 100)))
    made = Call(
        knows(passage()), need=wishes, signals=Signals(seeking=90), policy=Policy(min_need=50)
    )
    made.customer("can i change the delivery address please").quiet(60)
    heard = [
        replace(entry, event=replace(entry.event, wish=90))
        if isinstance(entry.event, Heard)
        else entry
        for entry in made.end().log
    ]

    async def search(started: CallStarted, asked: Search) -> EvidenceFound:
        return EvidenceFound(
            asked.inquiry, asked.revision, (passage(),), Signals(seeking=90, answerable=100)
        )

    log = asyncio.run(rerun(heard, lambda started: started, search)).entries
    path = tmp_path / "wished.jsonl"
    path.write_bytes(write(log))
    words = ("evaluate", "whatif", str(path), "--no-search", "--json", "-")
    kept = json.loads(run(*words, "--set", "min_need=50").stdout)
    lost = json.loads(run(*words, "--text-only").stdout)
    assert (kept["fates"]["lost"], lost["fates"]["lost"]) == (0, 1)
    assert lost["changes"] == {}
    assert "text only" in run(*words[:-2], "--text-only").output


def test_new_queries_are_searched_where_packs_and_model_are_those_of_the_call(
    data: Path, embedder: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPILOT_KNOWLEDGE__PATH", str(shop(tmp_path)))
    (pack,) = load_packs(tmp_path / "knowledge")
    model = trained_for(embedder.name)
    assert model is not None
    for need, refs, searched in (
        (model.need, (pack.ref,), True),
        (SEEKS, (pack.ref,), False),
        (model.need, ("shop@other",), False),
    ):
        made = Call(knows(passage()), need=need, signals=Signals(seeking=90))
        made.customer("hello can you tell me when you are open on sundays").quiet(60)
        first, *rest = made.end().log
        assert isinstance(first.event, CallStarted)
        path = tmp_path / "call.jsonl"
        path.write_bytes(write([replace(first, event=replace(first.event, packs=refs)), *rest]))
        words = ("evaluate", "whatif", str(path), "--set", "query_words=4", "--json", "-")
        done = CliRunner().invoke(main, ["--data", str(data), *words])
        totals = json.loads(done.stdout)["totals"]
        assert (totals["searched"] > 0, totals["unanswered"] > 0) == (searched, not searched)


def test_a_policy_file_against_another(run: Run, log: Path, tmp_path: Path) -> None:
    strict, lax = tmp_path / "strict.toml", tmp_path / "lax.toml"
    strict.write_text("[policy]\nmin_support = 90\nearly_support = 90\n")
    lax.write_text("min_support = 20\n")
    done = run(
        "evaluate", "whatif", str(log), "--policy", str(lax), "--against", str(strict),
        "--no-search",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "strict" in done.output
    assert "lax" in done.output
    assert "1 new" in " ".join(done.output.split())


def test_what_cannot_be_chosen(run: Run, log: Path, tmp_path: Path) -> None:
    assert "name log files, or --since" in mistake(run("evaluate", "calls"))
    assert "name log files, or --since" in mistake(run("gaps", str(log), "--all"))
    both = run("evaluate", "calls", "--all", "--labels", str(log))
    assert "--labels is for log files" in mistake(both)
    assert "say what to change" in mistake(run("evaluate", "whatif", str(log)))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no call log" in mistake(run("evaluate", "calls", str(empty)))


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("min_suport=60", "policy.min_suport: unknown setting"),
        ("min_support=high", "policy.min_support = 'high'"),
        ("min_support=101", "policy.min_support = '101'"),
        ("min_support", "write KEY=VALUE"),
    ],
)
def test_a_policy_that_cannot_be_used(run: Run, log: Path, value: str, says: str) -> None:
    assert says in mistake(run("evaluate", "whatif", str(log), "--set", value))


def test_inquiries_are_listed_and_labelled(run: Run, kept: None) -> None:
    assert "parcel/address#change" in " ".join(run("label", "one").output.split())
    done = run("label", "two", "1", "missed", "--passage", "parcel/x#y", "--by", "lea")
    assert "two, inquiry 1: missed" in done.output
    assert "missed" in run("label", "two").output
    written = json.loads(run("evaluate", "calls", "--all", "--json", "-").stdout)
    assert written["recall"] == {"part": 0, "of": 1, "rate": 0.0}


def test_labels_that_cannot_be(run: Run, kept: None) -> None:
    assert "nowhere: no such call" in mistake(run("label", "nowhere"))
    assert "no such inquiry; there are 1" in mistake(run("label", "one", "7", "right"))
    assert "it had a card" in mistake(run("label", "one", "1", "missed"))
    assert "it had no card" in mistake(run("label", "two", "1", "right"))
    assert "say a VERDICT" in mistake(run("label", "one", "1"))
    nothing = run("label", "one", "1", "right", "--passage", "none")
    assert "right, though nothing answers?" in mistake(nothing)
    long = run("label", "one", "1", "right", "--by", "x" * 200)
    assert "cannot be kept" in mistake(long)


def test_labels_go_to_a_file_and_back(run: Run, kept: None, tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    run("label", "one", "1", "right", "--by", "lea")
    run("label", "two", "1", "silent", "--by", "lea")
    assert run("labels", "export", str(path)).exit_code == 0
    assert len(path.read_text().splitlines()) == 2
    assert "0 new, 2 there already" in run("labels", "import", str(path)).output
    path.write_text(path.read_text().replace('"by":"lea"', '"by":"tom"'))
    assert "2 new, 0 there already" in run("labels", "import", str(path)).output
    lines = path.read_text().splitlines()
    path.write_text(lines[0] + "\n" + lines[1].replace('"two"', '"nowhere"'))
    assert "line 2: no call nowhere" in mistake(run("labels", "import", str(path)))
    path.write_text(lines[0].replace('"right"', '"missed"'))
    assert "line 1: one, inquiry 1: it had a card" in mistake(run("labels", "import", str(path)))
    path.write_text("{}")
    assert "line 1: not a label" in mistake(run("labels", "import", str(path)))
    assert len(run("labels", "export", "-").stdout.splitlines()) == 4


def test_gaps_of_stored_calls(run: Run, kept: None) -> None:
    done = run("gaps", "--all", "--json", "-")
    (gap,) = json.loads(done.stdout)["gaps"]
    assert gap["name"] == "can i change the delivery address"
    assert gap["counts"][0]["pack"] == "parcel"
    assert "No stored call used the pack hotel" in run("gaps", "--all", "--pack", "hotel").output
    mine = json.loads(run("gaps", "--all", "--pack", "test", "--json", "-").stdout)
    assert (mine["calls"], mine["gaps"]) == (2, [])
