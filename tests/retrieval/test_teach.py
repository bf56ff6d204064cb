"""``copilot learn`` over a sample pack and real questions, from file to version and back."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from copilot.cli import main
from copilot.core.vocabulary import NeedModel
from copilot.errors import LearnError
from copilot.evaluate.sources import Spoken
from copilot.ports import Embedder, Vectors
from copilot.providers.chroma import open_chroma
from copilot.retrieval.adapter import Adapter, Quality
from copilot.retrieval.facets import FACETS, facet_id
from copilot.retrieval.hybrid import HybridRetriever, Shelf
from copilot.retrieval.indexing import collection, index_packs
from copilot.retrieval.labels import QueryLabel
from copilot.retrieval.learned import NOTHING, Learned
from copilot.retrieval.learning import quality, ranks
from copilot.retrieval.packs import load_packs
from copilot.retrieval.ranking import FEATURES, LIKENESS
from copilot.retrieval.teach import blend, teach
from copilot.trained import Trained

from .conftest import KNOWLEDGE

CHATTER = (
    "hi there good morning how are you doing today my neighbour told me that i should ring you up"
    " because she is such a happy customer of yours and she was right you are so kind "
)
"""What callers begin with here: it says nothing, and the adapter has to learn that."""


def labels(spoken: Spoken, pack: str) -> list[QueryLabel]:
    asked = [*spoken.plain.items(), *spoken.asked.items()]
    return [QueryLabel(query, passage) for passage, query in asked if passage.startswith(pack)]


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *words])


def written(folder: Path, rows: list[QueryLabel]) -> str:
    file = folder / "labels.jsonl"
    lines = (json.dumps({"query": row.query, "passage": row.passage}) for row in rows)
    file.write_text("\n".join(lines))
    return str(file)


def test_what_is_better_is_kept_and_what_is_not_changes_nothing(
    embedder: Embedder, spoken: Spoken, tmp_path: Path
) -> None:
    (pack,) = load_packs(KNOWLEDGE, ["parcel"])
    learned = Learned(tmp_path, "parcel")
    good = labels(spoken, "parcel")
    # the same questions with their answers dealt anew: no sense that could hold on held-out ones
    dealt = [*good[7:], *good[:7]]
    bad = [QueryLabel(g.query, d.passage) for g, d in zip(good, dealt, strict=True)]
    refused = teach("parcel", pack.passages, bad, embedder, learned)
    assert not refused.trial.better
    assert refused.kept is None
    assert learned.current() == NOTHING

    chatty = [QueryLabel(CHATTER + label.query, label.passage) for label in good]
    outcome = teach("parcel", pack.passages, chatty, embedder, learned)
    assert outcome.queries == len(good)
    assert "are needed" in outcome.no_scope
    assert outcome.trial.better, outcome.trial
    assert outcome.kept is not None
    assert learned.current() == 1


def drawing(queries: Vectors, passage: Vectors) -> Trained:
    """A model as ships, but of no use: it orders by likeness, and draws queries to one passage."""
    usual = queries.mean(axis=0)
    weights = {name: LIKENESS.get(name, 0.0) for name in FEATURES}
    need, seeking = NeedModel({}, 0, ((0, 100),)), np.zeros(len(usual) + 2, np.float32)
    return Trained("any", weights, need, seeking, np.outer(passage, usual / (usual @ usual)))


def test_an_adapter_is_learned_for_queries_as_search_moves_them(
    embedder: Embedder, spoken: Spoken, tmp_path: Path
) -> None:
    (pack,) = load_packs(KNOWLEDGE, ["parcel"])
    rows = [QueryLabel(CHATTER + row.query, row.passage) for row in labels(spoken, "parcel")]
    places = {passage.id: [n] for n, passage in enumerate(pack.passages)}
    right = [places[row.passage or ""] for row in rows]
    index = open_chroma("", tmp_path / "index")
    index_packs([pack], embedder, index)
    place = collection(pack, embedder)
    ids = [facet_id(passage.id, facet) for passage in pack.passages for facet in FACETS]
    passages = blend(index.vectors(place, ids).reshape(len(pack.passages), len(FACETS), -1))
    said = embedder.embed([row.query for row in rows])
    model = drawing(said, passages[0])

    def quality_of_search(adapter: Adapter | None) -> Quality:
        """By meaning, with the vectors that search itself compares."""
        shelf = Shelf(place, pack.passages, pack.title, adapter)
        with ThreadPoolExecutor(1) as executor:
            search = HybridRetriever(embedder, index, [shelf], executor, model)
        queries = np.stack([search._adapted(vector)[0] for vector in said])
        return quality(ranks(queries, passages, right))

    learned = Learned(tmp_path, "parcel")
    outcome = teach("parcel", pack.passages, rows, embedder, learned, model=model)
    before = quality_of_search(None)
    assert outcome.trial.before == before
    assert before.first < quality(ranks(said, passages, right)).first
    assert outcome.kept is not None
    assert quality_of_search(learned.adapter(embedder.name)).reciprocal > before.reciprocal
    index.close()


def test_too_few_labels(embedder: Embedder, spoken: Spoken, tmp_path: Path) -> None:
    (pack,) = load_packs(KNOWLEDGE, ["parcel"])
    few = labels(spoken, "parcel")[:9]
    with pytest.raises(LearnError, match="at least 10 different"):
        teach("parcel", pack.passages, few, embedder, Learned(tmp_path, "parcel"))


def test_the_command_learns_tells_and_goes_back(
    spoken: Spoken, tmp_path: Path, embedder: Embedder
) -> None:
    file = written(tmp_path, labels(spoken, "hotel"))
    told = run(tmp_path, "learn", "hotel", "--labels", file, "--json", "-")
    assert told.exit_code == 0, told.output
    made = json.loads(told.stdout)
    history = json.loads(run(tmp_path, "learn", "hotel", "--versions", "--json", "-").stdout)
    assert (history["current"] == 1) == (made["kept"] is not None)
    if made["kept"]:
        assert made["trial"]["after"]["reciprocal"] > made["trial"]["before"]["reciprocal"]
        gone = json.loads(run(tmp_path, "learn", "hotel", "--back", "--json", "-").stdout)
        assert gone["current"] == NOTHING
        assert len(gone["versions"]) == 1


def test_mistakes_are_one_line(tmp_path: Path, spoken: Spoken) -> None:
    file = written(tmp_path, [QueryLabel("where", "parcel/none#such")])
    for words, said in (
        (["hotel"], "give --labels FILE or --calls to learn"),
        (["hotel", "--back", "--versions"], "or --back, or --versions"),
        (["motel", "--labels", file], "no such pack"),
        (["parcel", "--labels", file], "'parcel/none#such' is not in the pack"),
        (["parcel", "--labels", "nowhere.jsonl"], "nowhere.jsonl: cannot be read"),
        (["parcel", "--back"], "nothing to go back to"),
    ):
        told = run(tmp_path, "learn", *words)
        assert told.exit_code == 2
        assert said in told.stderr
        assert "Traceback" not in told.stderr
