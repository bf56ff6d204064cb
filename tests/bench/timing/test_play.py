"""Played scenes: what the real session does in simulated time, judged."""

from collections.abc import Callable
from time import perf_counter

from copilot.bench.timing.judge import Must, judge, stop_ms, unneeded
from copilot.bench.timing.measure import figures
from copilot.bench.timing.play import Kind, Trace, play
from copilot.bench.timing.scene import Line, Needs, Scene
from copilot.core.call import replay
from copilot.core.events import Speak
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party
from copilot.ports import Pinned

Knows = Callable[..., Pinned]

ASKED = Line(
    Party.CUSTOMER, "what is the address of the shop", after=400, needs=Needs(("test/all#address",))
)
ANSWERED = Line(Party.AGENT, "let me tell you all about that now", after=4500)


GREETING = Line(Party.AGENT, "good morning how can i help you", after=800)


def scene(*lines: Line, name: str = "test") -> Scene:
    return Scene(name, "what it shows", (GREETING, *lines))


def run(one: Scene, pinned: Pinned, kind: Kind = Kind.COPILOT) -> Trace:
    return play(one, kind, pinned, Policy())


def test_a_needed_moment_is_served_and_heard(knows: Knows) -> None:
    trace = run(scene(ASKED, ANSWERED), knows(address="It is free until midnight."))
    [verdict] = judge(trace)
    assert verdict.met
    assert verdict.speak_ms is not None
    assert verdict.speak_ms < 2500
    assert trace.heard
    assert replay(entry for _, entry in trace.entries) is None


def test_what_happens_does_not_depend_on_the_machine(knows: Knows) -> None:
    first, second = (run(scene(ASKED, ANSWERED), knows(address="Free.")) for _ in range(2))
    assert first.entries == second.entries
    assert first.heard == second.heard


def test_simulated_time_is_quick(knows: Knows) -> None:
    silence = Line(Party.AGENT, "one moment please", after=60_000)
    since = perf_counter()
    trace = run(scene(silence), knows())
    assert trace.seconds > 60
    assert perf_counter() - since < 6


def test_a_card_that_nobody_needs_is_counted_against_it(knows: Knows) -> None:
    chat = Line(Party.CUSTOMER, "my garden has an address too", silent=True)
    trace = run(scene(chat), knows(address="It is free until midnight."))
    [verdict] = judge(trace)
    assert verdict.must is Must.SILENT
    assert not verdict.met
    assert len(unneeded(trace)) == 1
    assert figures([trace]).unneeded_per_hour > 100


def test_speech_into_a_whisper_stops_it_and_it_is_not_said_again(knows: Knows) -> None:
    into = Line(Party.CUSTOMER, "because we moved in the spring", into=300, stops=400)
    trace = run(
        scene(ASKED, into, ANSWERED), knows(address="It is free until midnight the day before.")
    )
    took = stop_ms(trace, next(o.start for o in trace.uttered if o.line is into))
    assert took is not None
    assert 0 < took <= 400
    assert sum(isinstance(entry.event, Speak) for _, entry in trace.entries) == 1


def test_the_naive_policy_whispers_at_every_utterance(knows: Knows) -> None:
    chat = Line(Party.CUSTOMER, "no address <700> for me", silent=True)
    trace = run(scene(chat), knows(address="Free."), Kind.NAIVE)
    assert not any(verdict.met for verdict in judge(trace))
    assert len(unneeded(trace)) == 1
