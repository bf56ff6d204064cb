"""The floor: hysteresis, pauses, ends of turns, backchannels, overlap."""

from copilot.core.events import Heard
from copilot.core.floor import Floor, Turn, advance
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Party

POLICY = Policy()


def heard(agent: str, customer: str) -> list[Heard]:
    """One character a tick: ``#`` speech, ``~`` between the thresholds, space silence."""
    level = {"#": 95, "~": 42, " ": 2}
    length = max(len(agent), len(customer))
    pairs = zip(agent.ljust(length), customer.ljust(length), strict=True)
    return [
        Heard(tick, Hearing(level[a]), Hearing(level[c])) for tick, (a, c) in enumerate(pairs, 1)
    ]


def turns(agent: str, customer: str) -> list[Turn]:
    """The turns of both, in the order in which they end, after a long silence."""
    floor, ended = Floor(), list[Turn]()
    length = max(len(agent), len(customer)) + 20
    for one in heard(agent.ljust(length), customer.ljust(length)):
        floor, over = advance(floor, one, POLICY)
        ended += over
    return ended


def test_a_click_is_no_speech_and_a_dip_is_no_pause() -> None:
    assert turns("", "#    ") == []
    assert turns("", "###~~~###") == [Turn(Party.CUSTOMER, 1, 10, False)]


def test_noise_under_the_start_threshold_starts_nothing() -> None:
    assert turns("", "~~~~~~~~") == []


def test_a_pause_stays_inside_the_turn_and_a_gap_ends_it() -> None:
    assert turns("", "####     ####          ##") == [
        Turn(Party.CUSTOMER, 1, 14, False),
        Turn(Party.CUSTOMER, 24, 26, False),
    ]


def test_a_short_sound_inside_the_others_turn_is_a_backchannel() -> None:
    found = turns("#" * 40, " " * 10 + "####")
    assert found[0] == Turn(Party.CUSTOMER, 11, 15, True)


def test_who_takes_the_floor_ends_a_turn_sooner_than_silence_does() -> None:
    taken = turns(" " * 4 + "#" * 30, "#" * 14)
    silence = turns("", "#" * 14 + " " * 30)
    assert taken[0] == silence[0] == Turn(Party.CUSTOMER, 1, 15, False)
    floor = Floor()
    ended = {}
    for name, agent in (("taken", " " * 4 + "#" * 40), ("silence", "")):
        floor = Floor()
        for one in heard(agent, "#" * 14 + " " * 30):
            floor, over = advance(floor, one, POLICY)
            if over and name not in ended:
                ended[name] = one.tick
    assert ended == {"taken": 17, "silence": 22}


def test_the_holder_is_whose_turn_began_first() -> None:
    floor = Floor()
    for one in heard("  ####", "######"):
        floor, _ = advance(floor, one, POLICY)
    assert floor.holder() is Party.CUSTOMER
    assert floor.overlap
