"""A team's policy in a call: levels, quiet times across midnight, and what is refused."""

from datetime import UTC, datetime

import pytest

from copilot.console.policy import (
    Level,
    Mode,
    Profile,
    Quiet,
    TeamPolicy,
    changes,
    first,
    read,
    terms,
    write,
)
from copilot.core.policy import Item, Policy, Rule
from copilot.errors import PolicyError

MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
MINUTE = 750
"""Ticks."""


def test_a_level_overrides_what_holds_for_everybody() -> None:
    team = TeamPolicy(
        budget=300,
        cooldown_s=8,
        profiles={Level.EXPERT: Profile(budget=50, min_need=80)},
        levels={"anna": Level.EXPERT},
    )
    anna, ben = (terms(team, Policy(), MONDAY, who, 7) for who in ("anna", "ben"))
    assert (anna.policy.budget, anna.policy.min_need, anna.level) == (50, 80, "expert")
    assert (ben.policy.budget, ben.policy.min_need, ben.level) == (300, 75, "skilled")
    assert anna.policy.cooldown_ticks == 100
    assert anna.ruling == 7


@pytest.mark.parametrize(
    ("mode", "shadow", "voice"),
    [(Mode.SHADOW, True, False), (Mode.CARDS, False, False), (Mode.EAR, False, True)],
)
def test_a_mode_is_two_switches_of_the_core(mode: Mode, shadow: bool, voice: bool) -> None:
    policy = terms(TeamPolicy(mode=mode), Policy(min_query_words=3), MONDAY).policy
    assert (policy.shadow, policy.voice, policy.min_query_words) == (shadow, voice, 3)
    assert first(policy).mode is mode


def test_quiet_times_are_ticks_of_the_call() -> None:
    team = TeamPolicy(
        opening_s=8,
        quiet=(
            Quiet((0,), "09:30", "10:00"),  # later today
            Quiet((6,), "22:00", "09:10"),  # since yesterday evening
            Quiet((1,), "09:30", "10:00"),  # tomorrow, out of any call's reach
            Quiet((0,), "07:00", "08:00"),  # over
        ),
    )
    assert terms(team, Policy(), MONDAY).policy.quiet == (
        (0, 100),
        (0, 10 * MINUTE),
        (30 * MINUTE, 60 * MINUTE),
    )


def test_quiet_times_follow_the_clocks_of_their_zone() -> None:
    team = TeamPolicy(quiet=(Quiet((0,), "10:30", "11:00"),), zone="Europe/Berlin")
    assert terms(team, Policy(), MONDAY).policy.quiet == ((30 * MINUTE, 60 * MINUTE),)


@pytest.mark.parametrize(
    ("policy", "told"),
    [
        (TeamPolicy(zone="Mars/Base"), "no such time zone"),
        (TeamPolicy(zone="../../etc/passwd"), "no such time zone"),
        (TeamPolicy(trigger=("Refund",), do_not_trigger=("refund",)), "must bring a card and must"),
        (
            TeamPolicy(playbook=(Item("A", Rule.CHECK, ("a",)), Item("A", Rule.CHECK, ("b",)))),
            "stands there twice",
        ),
    ],
)
def test_what_types_cannot_tell_is_told(policy: TeamPolicy, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        read(write(policy))


@pytest.mark.parametrize("body", ['{"budget": -1}', '{"mode": "loud"}', "nonsense", '{"x": 1}'])
def test_a_text_that_is_no_policy_is_refused(body: str) -> None:
    with pytest.raises(PolicyError, match="cannot be used"):
        read(body)


def test_the_same_policy_is_the_same_text_and_changes_are_told() -> None:
    one = TeamPolicy(levels={"a": Level.EXPERT, "b": Level.NOVICE})
    other = TeamPolicy(levels={"b": Level.NOVICE, "a": Level.EXPERT})
    assert write(one) == write(other)
    assert read(write(one)) == one
    assert changes(one, one) == []
    told = changes(one, TeamPolicy(mode=Mode.SHADOW, quiet=(Quiet((0, 4), "12:00", "13:00"),)))
    assert [(c.name, c.after) for c in told] == [
        ("mode", "shadow"),
        ("quiet", "Mon, Fri 12:00–13:00"),
        ("levels", "none"),
    ]
