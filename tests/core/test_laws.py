"""The laws of the core, held for any call that hypothesis can think of."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.core.call import enter, replay, run
from copilot.core.events import (
    CallEnded,
    CallStarted,
    CardTouched,
    EarSwitched,
    EvidenceFound,
    Failed,
    Heard,
    Input,
    ShowCard,
    Snoozed,
    Speak,
    StopSpeaking,
    WhisperPlayed,
    WithdrawCard,
    Withheld,
    decode_entry,
    encode,
)
from copilot.core.gate import HOUR, Evidence, Moment, Silent, decide
from copilot.core.policy import Policy
from copilot.core.state import CallState
from copilot.core.vocabulary import (
    GapModel,
    Hearing,
    NeedModel,
    Passage,
    Signals,
    Silence,
    Touch,
    Word,
)
from copilot.trained import gap_model

VOCABULARY = (
    "change address parcel refund lost broken tomorrow fee weekend mm-hm okay the is".split()
)
PASSAGES = [
    Passage(f"p/f#{word}", word, f"The {word} costs 5 pounds.", f"Your {word} is fine.", 0)
    for word in VOCABULARY[:9]
]
words = st.lists(st.sampled_from(VOCABULARY), max_size=6)
policies = st.builds(
    Policy,
    voice=st.booleans(),
    cooldown_ticks=st.integers(0, 80),
    budget=st.integers(0, 300),
    told_ticks=st.integers(0, 100),
    final_ticks=st.integers(0, 20),
    min_support=st.integers(30, 70),
)
segments = st.tuples(
    st.sampled_from(["customer", "customer", "agent", "both", "nobody", "noise"]),
    st.integers(1, 14),
    words,
    st.lists(st.tuples(st.sampled_from(PASSAGES), st.integers(30, 100)), max_size=2),
    st.sampled_from(["", "", "", "", "touch", "fail", "played", "late", "snooze", "mute"]),
)
MODEL = NeedModel({"seeking": 2}, -10, ((0, 10), (150, 100)), ((0, 500), (80, 100), (95, 20)))
Segment = tuple[str, int, list[str], list[tuple[Passage, int]], str]


def hearing(speaks: bool, tick: int, last: bool, texts: list[str], noise: bool) -> Hearing:
    """A stretch of speech is partial words until its last tick, when they are final."""
    if not speaks:
        return Hearing(45 if noise and tick % 3 else 0)
    if last:
        return Hearing(95, words=tuple(Word(text, max(0, tick - 3), tick) for text in texts))
    return Hearing(95, partial=" ".join(texts))


def heard(script: list[Segment]) -> Iterator[tuple[Heard, Segment]]:
    tick = 0
    for segment in script:
        who, length, texts, _, _ = segment
        for i in range(length):
            tick += 1
            last = i == length - 1
            agent, customer = (
                hearing(who in (party, "both"), tick, last, texts, who == "noise")
                for party in ("agent", "customer")
            )
            yield Heard(tick, agent, customer), segment


def inputs(
    policy: Policy, script: list[Segment], consent: bool = True, gap: GapModel | None = None
) -> list[Input]:
    """A call in which search answers the newest inquiry, in time or late or never."""
    events: list[Input] = [CallStarted("c", policy, consent=consent, need=MODEL, gap=gap)]
    state, _ = enter(CallState(), events[0])
    for one, (_, length, _, found, odd) in heard(script):
        batch: list[Input] = [one]
        number = max(state.inquiries, 1)
        revision = state.inquiry.revision if state.inquiry else 1
        passages = tuple(
            Passage(p.id, p.title, p.text, p.say, score)
            for p, score in sorted(found, key=lambda pair: -pair[1])
        )
        asked = max(0, revision - (odd == "late"))
        signals = Signals(seeking=50 if odd else 90)
        batch.append(EvidenceFound(number, asked, passages, signals))
        if odd == "touch":
            batch.append(CardTouched(number, Touch.DISMISSED))
        if odd == "snooze":
            batch.append(Snoozed(length))
        if odd == "mute":
            batch.append(EarSwitched(length % 2 == 0))
        if odd == "fail":
            batch.append(Failed(number, "search", "lost", revision))
        if odd == "played":
            batch.append(WhisperPlayed(number, 5))
        for event in batch:
            state, _ = enter(state, event)
        events += batch
    return [*events, CallEnded("hang_up"), Heard(state.tick + 1)]


scripts = st.lists(segments, min_size=3, max_size=20)
gaps = st.sampled_from([None, gap_model(), GapModel((50,), ({},), (0,), (((0, 0),),))])
"""Without a model, with the shipped one, with one for which every gap lasts."""
calls = st.builds(inputs, policies, scripts, st.just(True), gaps)
law = settings(max_examples=150, deadline=None)


@law
@given(calls)
def test_replay_is_identical_also_from_bytes(events: list[Input]) -> None:
    log = [decode_entry(encode(entry)) for entry in run(events)]
    assert replay(log) is None
    assert [entry.seq for entry in log] == list(range(len(log)))


@law
@given(calls)
def test_never_speaks_over_the_agent(events: list[Input]) -> None:
    state = CallState()
    for event in events:
        state, entries = enter(state, event)
        if any(isinstance(entry.event, Speak) for entry in entries):
            assert not state.floor.agent.speaking
            assert not state.floor.customer.speaking


@law
@given(calls)
def test_never_two_whispers_within_the_cooldown(events: list[Input]) -> None:
    started = events[0]
    assert isinstance(started, CallStarted)
    shown = [e.tick for e in run(events) if isinstance(e.event, ShowCard) and not e.event.revision]
    gaps = [after - before for before, after in pairwise(shown)]
    assert all(gap >= started.policy.cooldown_ticks for gap in gaps)


@law
@given(calls)
def test_the_budget_is_never_overspent(events: list[Input]) -> None:
    started = events[0]
    assert isinstance(started, CallStarted)
    spent = [(e.tick, 100 - e.event.need) for e in run(events) if isinstance(e.event, ShowCard)]
    for tick, _ in spent:
        window = [cost for at, cost in spent if tick - HOUR < at <= tick]
        assert sum(window) <= started.policy.budget


@law
@given(calls)
def test_nothing_follows_the_end_and_nothing_is_left_on(events: list[Input]) -> None:
    log = list(run(events))
    screen: set[int] = set()
    ear: set[int] = set()
    ended = False
    for entry in log:
        event = entry.event
        if ended:
            assert not isinstance(event, Input)
        ended = ended or isinstance(event, CallEnded)
        if isinstance(event, ShowCard):
            screen.add(event.inquiry)
            assert len(screen) == 1
        if isinstance(event, WithdrawCard):
            screen.remove(event.inquiry)
        if isinstance(event, Speak):
            assert not ear
            ear.add(event.whisper)
        if isinstance(event, StopSpeaking):
            ear.remove(event.whisper)
        if isinstance(event, WhisperPlayed):
            ear.discard(event.whisper)
        if isinstance(event, Failed) and event.what == "speak":
            ear.discard(event.inquiry)
    assert not screen
    assert not ear


@law
@given(calls)
def test_every_inquiry_ends_in_a_card_or_a_reason(events: list[Input]) -> None:
    log = list(run(events))
    state = CallState()
    for event in events:
        state, _ = enter(state, event)
    told = {e.event.inquiry for e in log if isinstance(e.event, ShowCard | Withheld)}
    assert told == set(range(1, state.inquiries + 1))


@law
@given(st.builds(inputs, policies, scripts, st.just(False), gaps))
def test_without_consent_nothing_is_whispered(events: list[Input]) -> None:
    assert not any(isinstance(e.event, ShowCard | Speak) for e in run(events))


@law
@given(calls)
def test_nothing_is_spoken_unless_the_agent_has_switched_the_ear_on(events: list[Input]) -> None:
    started = events[0]
    assert isinstance(started, CallStarted)
    if not started.policy.voice:
        assert not any(isinstance(e.event, Speak) for e in run(events))


@law
@given(calls)
def test_what_was_cut_is_not_said_again(events: list[Input]) -> None:
    started = events[0]
    assert isinstance(started, CallStarted)
    shown: dict[int, str] = {}
    cut: set[str] = set()
    for entry in run(events):
        match entry.event:
            case ShowCard(inquiry=number, cites=(passage, *_)):
                shown[number] = passage
            case Speak(whisper=number) if started.gap is not None:
                assert shown[number] not in cut
            case StopSpeaking(whisper=number, reason="agent_speaks" | "customer_speaks"):
                cut.add(shown[number])


@law
@given(
    st.integers(0, 99),
    st.integers(0, 100),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 30),
    st.integers(0, 100),
)
def test_more_support_never_makes_weak(
    score: int, more: int, over: bool, stable: int, second: int, need: int
) -> None:
    moment = Moment(
        query="change my delivery address",
        age=0,
        turn_over=over,
        whole=over,
        agent_silent=True,
        customer_silent=True,
        consent=True,
        agent_said=frozenset(),
        told=frozenset(),
        dismissed=frozenset(),
        since_whisper=10_000,
        whispered_priority=0,
        least_need=50,
        date="",
        spent=0,
    )
    stronger = min(100, score + more)

    def reason(support: int) -> object:
        first, other = PASSAGES[0], PASSAGES[1]
        pair = (
            Passage(first.id, "t", "change address", "", support),
            Passage(other.id, "t", "refund fee", "", min(second, score)),
        )
        decision = decide(moment, Evidence(pair, need, stable), Policy())
        return decision.reason if isinstance(decision, Silent) else None

    if reason(score) is not Silence.WEAK:
        assert reason(stronger) is not Silence.WEAK


@law
@given(calls)
def test_what_the_agent_switches_off_stays_off(events: list[Input]) -> None:
    """No card while they are put off, and no whisper while the ear is off."""
    until, ear = 0, True
    for entry in run(events):
        match entry.event:
            case Snoozed(ticks=ticks):
                until = entry.tick + ticks
            case EarSwitched(on=on):
                ear = on
            case ShowCard(revision=0):
                assert entry.tick >= until
            case Speak():
                assert ear
