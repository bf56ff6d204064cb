"""What stands in a card's way: the gate itself agrees that nothing else does."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from copilot.core.gate import Evidence, Moment, Silent, Whisper, decide
from copilot.core.policy import Policy
from copilot.evaluate.obstacles import keepers, obstacles
from tests.helpers import passage

QUESTION = "can i change the delivery address of my parcel today"

percent = st.integers(0, 100)


@settings(max_examples=300, deadline=None)
@given(
    need=percent,
    score=percent,
    least=percent,
    support=percent,
    since=st.integers(0, 100),
    spent=st.integers(0, 400),
    flags=st.tuples(*[st.booleans()] * 8),
)
def test_without_its_obstacles_the_gate_would_whisper(
    need: int,
    score: int,
    least: int,
    support: int,
    since: int,
    spent: int,
    flags: tuple[bool, ...],
) -> None:
    """Law: a silence has an obstacle, a whisper none; each keeper of a whisper silences it."""
    told, dismissed, consent, old, phrase, whole, quiet, snoozed = flags
    top = passage(score=score, valid_until="2026-01-01" if old else "")
    policy = Policy(min_support=support, do_not_trigger=("parcel",) if phrase else ())
    moment = Moment(
        query=QUESTION,
        age=5,
        turn_over=True,
        whole=whole,
        agent_silent=True,
        customer_silent=True,
        consent=consent,
        agent_said=frozenset(),
        told=frozenset({top.id} if told else ()),
        dismissed=frozenset({top.id} if dismissed else ()),
        since_whisper=since,
        whispered_priority=0,
        least_need=least,
        date="2026-11-26",
        spent=spent,
        quiet=quiet,
        snoozed=snoozed,
    )
    evidence = Evidence((top,), need, 1)
    found = Evidence((replace(top, score=score),), 100, 1)
    stood = obstacles(moment, evidence, policy, found, None)
    decision = decide(moment, evidence, policy)
    assert bool(stood) == isinstance(decision, Silent)
    assert all(one.what != "nothing" for one in stood)
    if isinstance(decision, Whisper):
        assert all(one.words for one in keepers(moment, evidence, policy))
