"""Calls of one engine: what each is told does not depend on the others, whatever they do."""

import numpy as np
import pytest

from copilot.engine.errors import EngineError
from copilot.engine.prompt import Prompt
from copilot.providers.moshi.calls import Told
from tests.providers.moshi.sound import Garbage, Talk, engine, models, same, solo

TICKS = 35
LINE = "in the app until the evening"


def sound(seat: int) -> Talk:
    return Garbage(seat) if seat == 2 else Talk(seat)


def test_sixteen_calls_that_come_and_go_are_each_as_if_alone() -> None:
    """Joins and leaves at random; one misses ticks and catches up, one sends garbage, one closes
    in mid-whisper."""
    dice = np.random.default_rng(7)
    house = engine(calls=16, whispers=3)
    joins = {seat: int(dice.integers(0, 15)) for seat in range(16)}
    leaves = {seat: joins[seat] + int(dice.integers(15, 30)) for seat in range(16)}
    lines = {3: {12: LINE}, 5: {9: LINE}, 11: {14: LINE}}
    leaves[5] = joins[5] + 20
    stalled, behind = 8, 0
    talks = {seat: sound(seat) for seat in range(16)}
    told: dict[int, list[Told]] = {seat: [] for seat in range(16)}

    def hear(seats: list[int]) -> None:
        sounds = {}
        for seat in seats:
            number = len(told[seat])
            if number in lines.get(seat, {}):
                house.speak(seat, lines[seat][number])
            sounds[seat] = talks[seat].tick(number)
        for seat, one in house.tick(sounds).items():
            told[seat].append(one)

    for tick in range(TICKS + 15):
        for seat in range(16):
            if tick == joins[seat]:
                house.open(seat)
            if tick == leaves[seat]:
                house.close(seat)
        there = [seat for seat in range(16) if joins[seat] <= tick < leaves[seat]]
        late = stalled in there and dice.random() < 0.4 and tick + 1 < leaves[stalled]
        behind += late
        hear([seat for seat in there if not (late and seat == stalled)])
        if not late and stalled in there:
            for _ in range(behind):
                hear([stalled])
            behind = 0
    assert len(house) == 0
    assert told[5][-1].whispering
    assert any(one.spoken is not None for one in told[3])
    for seat in range(16):
        alone = solo(sound(seat), len(told[seat]), lines.get(seat), calls=16)
        wrong = [n for n, pair in enumerate(zip(told[seat], alone, strict=True)) if not same(*pair)]
        assert not wrong, f"seat {seat} differs from tick {wrong[0]} of {len(alone)}"


def test_a_whisper_comes_at_the_second_tick_and_stops_within_one() -> None:
    house, talk = engine(), Talk(0)
    house.open(0)
    house.tick({0: talk.tick(0)})
    house.speak(0, LINE)
    heard = [house.tick({0: talk.tick(number)})[0] for number in range(1, 8)]
    assert [one.spoken is not None for one in heard] == [False] + [True] * 6
    assert all(one.whispering for one in heard)
    house.stop(0)
    after = [house.tick({0: talk.tick(number)})[0] for number in range(8, 11)]
    assert [one.spoken is not None for one in after] == [True, False, False]
    assert not after[0].whispering


def test_a_whisper_stops_at_any_tick() -> None:
    """At most one more frame is heard, and fork and mouth are free for the next."""
    house, talk = engine(whispers=1), Talk(0)
    house.open(0)
    tick = 0
    for after in (0, 1, 2, 3, 5, 8, 13, 21):
        house.speak(0, LINE)
        heard = []
        for number in range(after + 3):
            if number == after:
                house.stop(0)
            heard.append(house.tick({0: talk.tick(tick)})[0])
            tick += 1
        late = [one.spoken is not None for one in heard[after:]]
        assert late in ([True, False, False], [False] * 3)
        assert not heard[-1].whispering
        assert len(house.chair.slots) == 1


def test_the_listening_slot_never_hears_its_whisper() -> None:
    quiet, whispered = solo(Talk(4), 40), solo(Talk(4), 40, {10: LINE})
    for one, other in zip(quiet, whispered, strict=True):
        assert same(one, other._replace(spoken=None, whispering=False))


def test_whispers_are_refused_when_all_mouths_are_taken() -> None:
    house = engine(whispers=1)
    house.open(0)
    house.open(1)
    house.speak(0, LINE)
    with pytest.raises(EngineError, match=r"all 1 whispers are taken: raise ear\.whispers"):
        house.speak(1, LINE)
    with pytest.raises(EngineError, match="has no word"):
        house.speak(0, "123")
    house.speak(0, LINE)


def test_a_role_that_leaves_no_room_is_refused() -> None:
    role = tuple(models().pieces.encode("a" * 130))
    with pytest.raises(EngineError, match="at most half of the window of 250 may be taken"):
        engine().chair.prepare(Prompt(None, role))
