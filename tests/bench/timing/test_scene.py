"""Scenes are read whole or refused with what is wrong; lines lie where they were put."""

from pathlib import Path

import pytest

from copilot.bench.timing.scene import STRANGERS, Line, Scene, chosen, load
from copilot.bench.timing.stage import Stage, utter
from copilot.core.vocabulary import Party
from copilot.errors import ConfigError


def scene(*lines: Line) -> Scene:
    return Scene("test", "what it shows", lines)


def test_the_bench_has_its_own_scenes_and_some_for_the_real_ear() -> None:
    scenes = load()
    assert len(scenes) >= 60
    assert sum(one.live for one in scenes) >= 12
    lines = [line for one in scenes for line in one.lines]
    assert {line.sound for line in lines} >= {"music", "noise", "voices"}
    assert any(line.stops for line in lines)
    assert any(one.swapped for one in scenes)
    assert any(one.loss for one in scenes)


def test_the_scenes_of_strangers_are_others() -> None:
    own, theirs = load(), load(STRANGERS)
    assert len(theirs) >= 100
    assert not {one.name for one in own} & {one.name for one in theirs}
    assert sum(line.needs is not None for one in theirs for line in one.lines) >= 70


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[{name: a, shows: b, lines: [{party: agent}]}]", "give either say or sound"),
        ("[{name: a, shows: b, lines: [{party: agent, say: x, stops: 9}]}]", "needs into"),
        ("[{name: a, shows: b, lines: [], colour: red}]", "colour"),
        ("[]", "no scenes"),
        ("[{name: a, shows: b, lines: []}, {name: a, shows: b, lines: []}]", "two scenes"),
    ],
)
def test_a_file_that_is_no_list_of_scenes_is_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=fault):
        load(tmp_path)


def test_a_scene_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="no such scene"):
        chosen(load(), ["nobody"])


def test_pauses_lie_between_words_and_sound_does_not_fill_them() -> None:
    one = utter(Line(Party.CUSTOMER, "can i <700> change it"), 1000.0)
    [pause] = one.pauses
    assert pause.end - pause.start == 700
    assert one.words[1].end == pause.start
    assert one.words[2].start == pause.end
    assert len(one.sounding) == 2
    assert one.end == one.words[-1].end


def test_a_line_into_a_whisper_waits_for_it_or_is_left_out() -> None:
    into = Line(Party.CUSTOMER, "and then", into=300, unless=1000)
    stage = Stage(scene(Line(Party.CUSTOMER, "hello there", after=0), into))
    stage.advance(0)
    assert len(stage.uttered) == 1
    stage.whispered(900.0)
    stage.advance(960.0)
    assert stage.uttered[1].start == 1200.0
    assert stage.over

    alone = Stage(scene(Line(Party.CUSTOMER, "hello there", after=0), into))
    for now in range(0, 4000, 80):
        alone.advance(now)
    assert alone.skipped == [into]
    assert alone.over
