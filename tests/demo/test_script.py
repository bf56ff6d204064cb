"""The script of the sample call: its timing, its questions, and that it holds what it promises."""

from pathlib import Path

import pytest

from copilot.core.vocabulary import Party
from copilot.core.words import is_backchannel
from copilot.demo.script import Line, Placed, expected, load, place
from copilot.errors import ConfigError
from copilot.evaluate.questions import Expected, Expects, Question, Targets
from copilot.retrieval.packs import load_packs

A, C = Party.AGENT, Party.CUSTOMER


def line(party: Party, after: int, text: str = "words") -> Line:
    return Line(party, text, after)


def test_gaps_count_from_the_end_of_all_that_was_said() -> None:
    lines = [line(A, 500), line(C, 300), line(A, 1000)]
    assert place(lines, [2000, 1000, 500]) == (
        Placed(lines[0], 500, 2500),
        Placed(lines[1], 2800, 3800),
        Placed(lines[2], 4800, 5300),
    )


def test_a_backchannel_inside_a_turn_does_not_move_what_follows() -> None:
    lines = [line(A, 0), line(C, -2000, "mm-hm"), line(A, 300)]
    assert [(p.start_ms, p.end_ms) for p in place(lines, [5000, 400, 1000])] == [
        (0, 5000),
        (3000, 3400),
        (5300, 6300),
    ]


def test_an_overlap_ends_with_the_later_end() -> None:
    lines = [line(A, 0), line(C, -500), line(A, 100)]
    assert [p.start_ms for p in place(lines, [2000, 2000, 500])] == [0, 1500, 3600]


def test_a_party_cannot_talk_over_itself() -> None:
    with pytest.raises(ConfigError, match="agent still speaks 700 ms"):
        place([line(A, 0), line(A, -700)], [2000, 1000])


def test_questions_take_their_times_from_the_lines() -> None:
    script = load()
    placed = place(script.lines, [2000] * len(script.lines))
    asked = [one for one in placed if one.line.question is not None]
    found = expected(placed, Targets(right=2))
    assert found.targets == Targets(right=2)
    assert [(q.start_ms, q.at_ms) for q in found.questions] == [
        (one.start_ms, one.end_ms) for one in asked
    ]
    assert isinstance(found, Expected)
    assert all(isinstance(question, Question) for question in found.questions)


def test_the_sample_holds_every_situation() -> None:
    script = load()
    placed = place(script.lines, [60_000 * len(i.text.split()) // 150 for i in script.lines])
    expects = [line.question.expects for line in script.lines if line.question]
    assert expects.count(Expects.CARD) == 4
    assert expects.count(Expects.SILENCE) == 1
    assert expects.count(Expects.SAID) == 1
    assert max(line.after for line in script.lines) >= 15_000, "a hold"
    assert sum(is_backchannel(line.text) for line in script.lines) >= 3
    overlaps = [p for p in placed if p.line.after < 0 and not is_backchannel(p.line.text)]
    assert len(overlaps) >= 3
    assert {line.party for line in script.lines} == {A, C}


def test_the_sample_names_passages_that_its_packs_hold() -> None:
    root = Path(__file__).resolve().parents[2] / "knowledge"
    known = {passage.id for pack in load_packs(root) for passage in pack.passages}
    script = load()
    wanted = {p for line in script.lines if line.question for p in line.question.passages}
    assert wanted <= known


def test_what_the_agent_answers_himself_comes_before_the_question() -> None:
    script = load()
    place_of = next(
        n
        for n, line in enumerate(script.lines)
        if line.question is not None and line.question.expects is Expects.SAID
    )
    before = script.lines[place_of - 1]
    assert before.party is A
    assert "deliver on Saturdays at no extra cost" in before.text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("lines: [", "not a script"),
        ("title: x\nparties: 3\nlines: []", "parties"),
        ("title: x\nspeed: 2", "speed"),
        (
            "title: x\nparties: {agent: {voice: a, words_per_minute: 1}, "
            "customer: {voice: a, words_per_minute: 1}}\n"
            "lines: [{party: agent, text: a, question: {expects: card}}]",
            "needs its passages",
        ),
    ],
)
def test_a_faulty_script_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "call.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=named) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.yaml")
