"""Laws of a running batch: no slot is touched by the others, however they come and go."""

import gc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.engine.edge import SlotInput, SlotOutput
from copilot.engine.errors import EngineError
from copilot.engine.lm import LanguageModel
from copilot.engine.prompt import Prompt
from copilot.engine.rows import Rows
from copilot.engine.sampling import GREEDY, Sampling
from copilot.engine.slots import Slots
from copilot.engine.voices import Voice
from tests.engine.driver import Driver, rows_of
from tests.engine.models import Frames, random_model

SEEDS = st.integers(0, 2**16)
FEW = settings(max_examples=8, deadline=None)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    """Bits depend on how a product is divided among threads."""
    torch.set_num_threads(1)


def small_model() -> LanguageModel:
    """One layer of depth, and a window that is soon full."""
    return random_model(context=12, depformer_num_layers=1)


def alone(seed: int, ticks: int, sampling: Sampling) -> list[SlotOutput]:
    """What a slot says that hears the frames of `seed` with nobody else there."""
    model = small_model()
    slots, frames = Slots(model, 1), Frames(model.config, seed)
    slot = slots.admit(sampling=sampling)
    return [slots.step({slot: frames.input()})[slot] for _ in range(ticks)]


@FEW
@given(SEEDS, st.lists(st.sets(st.integers(0, 5)), min_size=25, max_size=25))
def test_a_slot_is_as_if_alone_to_the_bit(seed: int, others: list[set[int]]) -> None:
    """Others join, pause, draw and leave, and rows move: not one probability changes."""
    model = small_model()
    slots, mine = Slots(model, 6), Frames(model.config, seed)
    open_slots = {0: slots.admit(sampling=Sampling(seed=1))}
    frames = {0: Frames(model.config, seed + 1)}
    sampling = Sampling(seed=seed)
    for _ in range(seed % 9):
        slots.step({open_slots[0]: frames[0].input()})
    watched = slots.admit(sampling=sampling)
    said = []
    for events in others:
        inputs = {watched: mine.input()}
        for key in events:
            if key in open_slots and len(events) % 3 == 0:
                slots.free(open_slots.pop(key))
            elif key in open_slots:
                inputs[open_slots[key]] = frames[key].input()
            elif not slots.full:
                open_slots[key] = slots.admit(sampling=Sampling(seed=key))
                frames[key] = Frames(model.config, seed + 1 + key)
        said.append(slots.step(inputs)[watched])
    assert said == alone(seed, len(others), sampling)


@FEW
@given(SEEDS, st.integers(1, 20))
def test_a_fork_equals_its_parent(seed: int, age: int) -> None:
    model = small_model()
    slots, frames, theirs = (
        Slots(model, 3),
        Frames(model.config, seed),
        Frames(model.config, seed + 1),
    )
    other, parent = slots.admit(), slots.admit(sampling=Sampling(seed=seed))
    for _ in range(age):
        slots.step({parent: frames.input(), other: theirs.input()})
    fork = slots.fork(parent)
    frames.spoke = False
    for _ in range(20):
        heard = frames.input()
        said = slots.step({parent: heard, fork: heard})
        assert said[parent] == said[fork]


def test_a_fork_leaves_its_parent_alone() -> None:
    model = small_model()
    slots, frames, own = (Slots(model, 2), Frames(model.config, 1), Frames(model.config, 2))
    parent = slots.admit(sampling=GREEDY)
    said = []
    for tick in range(20):
        inputs = {parent: frames.input()}
        if tick == 10:
            fork = slots.fork(parent, Sampling(seed=5))
            own.spoke = False
        if tick in range(10, 15):
            inputs[fork] = own.input()
        if tick == 15:
            slots.free(fork)
        said.append(slots.step(inputs)[parent])
    assert said == alone(1, 20, GREEDY)


@FEW
@given(SEEDS)
def test_a_slot_that_follows_another_is_new(seed: int) -> None:
    model = small_model()
    slots, frames = Slots(model, 1), Frames(model.config, seed + 1)
    first = slots.admit(sampling=Sampling(seed=3))
    for _ in range(20):
        slots.step({first: frames.input()})
    slots.free(first)
    second, mine = slots.admit(sampling=GREEDY), Frames(model.config, seed)
    said = [slots.step({second: mine.input()})[second] for _ in range(20)]
    assert said == alone(seed, 20, GREEDY)


@FEW
@given(SEEDS, st.integers(2, 30), st.integers(1, 30))
def test_prefill_equals_stepping(seed: int, length: int, more: int) -> None:
    """In one pass or two, within the window or several times as long."""
    rows_stepped, rows_read = (Rows(small_model(), 1, 12, torch.float32) for _ in range(2))
    config = small_model().config
    dice = torch.Generator().manual_seed(seed)
    columns = torch.randint(0, 48, (config.rows, length + more), generator=dice)
    columns[:, 0] = rows_stepped.initial
    columns[2:9, 1] = columns[10:, 1] = config.audio_initial
    driver = Driver(rows_stepped)
    for position in range(length + more):
        driver.step(columns[None, :, position], depth=False)
    hidden = torch.cat(
        [
            rows_read.prefill(0, 0, columns[:, :length]),
            rows_read.prefill(0, length, columns[:, length:]),
        ]
    )
    torch.testing.assert_close(hidden, driver.all("hidden")[0], rtol=0, atol=5e-5)
    assert torch.equal(rows_read.history, rows_stepped.history)
    kept = [rows.cache.store for rows in (rows_read, rows_stepped)]
    torch.testing.assert_close(*kept, rtol=0, atol=5e-5)


def test_a_paused_slot_does_not_move() -> None:
    model = small_model()
    slots, frames, theirs = Slots(model, 2), Frames(model.config, 4), Frames(model.config, 5)
    other, mine = slots.admit(), slots.admit(sampling=GREEDY)
    said = []
    for tick in range(40):
        inputs = {other: theirs.input()}
        if tick % 2:
            inputs[mine] = frames.input()
        heard = slots.step(inputs)
        assert list(heard) == list(inputs)
        if tick % 2:
            said.append(heard[mine])
    assert said == alone(4, 20, GREEDY)


def test_slots_of_one_persona_share_its_prefix() -> None:
    model = random_model()
    slots, frames = Slots(model, 2), Frames(model.config, 3)
    prompt = Prompt(torch.arange(40).view(8, 5), role=(5, 9, 11), gap=2)
    persona = slots.prepare(prompt)
    assert persona.length == 5 + 2 + 3 + 2
    first, second = slots.admit(persona, GREEDY), slots.admit(prompt, GREEDY)
    for _ in range(30):
        heard = frames.input()
        said = slots.step({first: heard, second: heard})
        assert said[first] == said[second]
    assert said[first].position == persona.length + 29


def test_forced_streams_are_in_the_columns() -> None:
    """What is written where: own frames by their delay, text by what the model would take."""
    model = random_model()
    slots, frames = Slots(model, 1), Frames(model.config, 3)
    slot = slots.admit(sampling=GREEDY, text=7)
    pad, epad = model.config.existing_text_padding_id, model.config.existing_text_end_padding_id
    texts, owns = [7], []
    for _ in range(12):
        owns.append(frames.own())
        said = slots.step({slot: SlotInput(frames.user(), own=owns[-1], text=(11, 12, 13))})[slot]
        texts.append({pad: 11, epad: 12}.get(said.choice, 13))
        assert said.text == texts[-1]
        assert said.own == tuple(owns[-1])
    consumed = slots.rows.recent(0, 13, 12)
    assert consumed[0].tolist() == texts[:-1]
    assert consumed[1].tolist() == [own[0] for own in owns]
    assert consumed[2].tolist()[1:] == [own[1] for own in owns][:-1]


@FEW
@given(SEEDS, st.integers(1, 30), st.integers(1, 14))
def test_after_a_roll_over_a_slot_knows_prompt_and_last_seconds(
    seed: int, age: int, frames: int
) -> None:
    """The seam: it goes on as a row does that has just stepped through those columns."""
    model = random_model()
    slots, heard = Slots(model, 3), Frames(model.config, seed)
    slot, other = (slots.admit(sampling=GREEDY) for _ in range(2))
    for _ in range(age):
        said = slots.step({slot: heard.input()})[slot]
    persona = slots.prepare(Prompt(role=(5, 9), gap=2))
    row = slots.rows
    last, following = row.recent(0, said.position + 1, min(age, frames)), row.column[:1].clone()
    slots.roll_over(slot, persona, frames)
    driver = Driver(rows_of(model, 1))
    driver.rows.renew(0, persona.rows, persona.length)
    for column in last.T:
        driver.step(column[None], depth=False)
    driver.rows.column[:] = following
    for _ in range(20):
        what = heard.input()
        column, ahead = driver.user(torch.tensor(what.user)[None])
        if what.own is not None:
            column[0, 1], ahead[0, 2:9] = int(what.own[0]), torch.tensor(what.own[1:])
        if what.onset is not None:
            ahead[0, 1] = what.onset
        if isinstance(what.text, int):
            ahead[0, 0] = what.text
        wanted = driver.step(column, ahead, depth=what.speaks)
        said = slots.step({slot: what, other: Frames(model.config, 1).input()})[slot]
        assert said.text == int(wanted.following[0, 0])
        told = driver.told[-1][0]
        assert abs(said.wish - (1 - told[1])) < 1e-5
    assert len(slots) == 2
    assert said.position == persona.length + min(age, frames) + 19


def test_nothing_is_made_anew_while_it_runs() -> None:
    """State stays where it is, and no tick leaves a tensor behind."""
    model = small_model()
    slots, frames = Slots(model, 3), Frames(model.config, 1)
    mine = [slots.admit(sampling=Sampling(seed=seed)) for seed in range(3)]

    def tick() -> None:
        slots.step({slot: SlotInput(frames.user(), own=frames.own(), speaks=True) for slot in mine})

    for _ in range(15):
        tick()
    places, alive = buffers(slots.rows), live_tensors()
    for _ in range(15):
        tick()
    assert buffers(slots.rows) == places
    assert live_tensors() == alive


def buffers(rows: Rows) -> list[int]:
    kept = [one for one in vars(rows).values() if isinstance(one, torch.Tensor)]
    return [one.data_ptr() for one in (*kept, rows.cache.store)]


def live_tensors() -> int:
    gc.collect()
    return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())


def test_a_slot_without_numbers_is_told_and_others_go_on() -> None:
    model = small_model()
    slots, frames, theirs = Slots(model, 2), Frames(model.config, 2), Frames(model.config, 1)
    bad, good = slots.admit(sampling=GREEDY), slots.admit(sampling=GREEDY)
    said = [slots.step({bad: frames.input(), good: theirs.input()})[good] for _ in range(3)]
    slots.rows.cache.store[0, 0, 0, 0, 1] = torch.nan
    heard = slots.step({bad: frames.input(), good: theirs.input()})
    assert list(heard) == [good]
    with pytest.raises(EngineError, match=r"slot 0: at position 5 the model computed no numbers"):
        slots.step({bad: frames.input()})
    said.append(heard[good])
    slots.free(bad)
    fresh = slots.admit(sampling=GREEDY)
    assert bool(torch.isfinite(slots.rows.cache.store).all())
    said += [slots.step({good: theirs.input()})[good] for _ in range(16)]
    assert said == alone(1, 20, GREEDY)
    assert slots.step({fresh: Frames(model.config, 9).input()})


QUIET = SlotInput(user=[0] * 8, own=[1] * 8)


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        (QUIET._replace(user=[0] * 7), r"slot 0: user is int64 \[7\]: expected 8 codes"),
        (QUIET._replace(user=np.full(8, 0.5)), r"slot 0: user is float64 \[8\]"),
        (QUIET._replace(user=np.zeros((1, 8), np.int64)), r"slot 0: user is int64 \[1, 8\]"),
        (QUIET._replace(user=[64] * 8), r"slot 0: user has codes 64 to 64: expected -1 to 63"),
        (QUIET._replace(user=[-2] * 8), r"slot 0: user has codes -2 to -2"),
        (QUIET._replace(own=[99] * 8), r"slot 0: own has codes 99 to 99"),
        (QUIET._replace(own=[-1] * 8), r"slot 0: own has codes -1 to -1: expected 0 to 63"),
        (QUIET._replace(own=None), r"slot 0: own is missing"),
        (QUIET._replace(own=None, speaks=True), r"slot 0: own is missing"),
        (QUIET._replace(onset=64), r"slot 0: onset = 64: expected 0 to 63"),
        (QUIET._replace(text=48), r"slot 0: text = 48: expected 0 to 47"),
        (QUIET._replace(text=(None, -1, 2)), r"slot 0: text = -1"),
    ],
)
def test_an_input_that_does_not_fit(what: SlotInput, complaint: str) -> None:
    """All slots stay where they were, also those that were named before it."""
    model = small_model()
    slots, frames = Slots(model, 2), Frames(model.config, 1)
    bad, good = slots.admit(sampling=GREEDY), slots.admit(sampling=GREEDY)
    with pytest.raises(EngineError, match=complaint):
        slots.step({good: QUIET, bad: what})
    said = [slots.step({good: frames.input()})[good] for _ in range(20)]
    assert said == alone(1, 20, GREEDY)


def test_slots_that_are_not_there() -> None:
    slots = Slots(small_model(), 1)
    slot = slots.admit()
    refused(slots.admit, "all 1 slots are taken: free one")
    refused(lambda: slots.fork(slot), "all 1 slots are taken")
    refused(lambda: slots.roll_over(slot, None, 9), "all 1 slots are taken")
    slots.free(slot)
    refused(lambda: slots.free(slot), r"slot 0: not open .* open: none")
    refused(lambda: slots.fork(slot), "slot 0: not open")
    refused(lambda: slots.step({slot: QUIET}), "slot 0: not open")
    assert slots.admit() == 1


def refused(attempt: Callable[[], object], complaint: str) -> None:
    with pytest.raises(EngineError, match=complaint):
        attempt()


def test_keys_and_values_of_a_kind_that_is_not_built() -> None:
    with pytest.raises(EngineError, match=r"keys and values in torch\.int32: expected torch"):
        Slots(small_model(), 1, kv=torch.int32)


def test_a_persona_of_other_slots() -> None:
    slots, others = Slots(random_model(), 1), Slots(random_model(seed=1), 1)
    refused(lambda: slots.admit(others.prepare(None)), "prepared for other slots")
    short = Slots(random_model(), 1, window=8)
    persona = slots.prepare(Prompt(role=(1, 2)))
    refused(lambda: short.admit(persona), "a persona of 14 frames: the window .* is 8")


def test_more_slots_than_memory() -> None:
    model = random_model()
    window = 3000
    one = 2 * 2 * 64 * 4 * 3008 + 4 * 17 * window
    with pytest.raises(
        EngineError, match=rf"{one / 1e6:.0f} MB each with a window of 3000 in float32"
    ):
        Slots(model, 10_000_000, window=window)


@pytest.mark.parametrize(
    ("prompt", "complaint"),
    [
        (
            Prompt(role=(1,) * 30),
            r"a prompt of 42 frames \(30 of them the role\): the window is 24",
        ),
        (Prompt(role=(48,)), "the role: token 48: expected 0 to 47"),
        (Prompt(torch.zeros((8, 0), dtype=torch.int64)), "an empty voice"),
        (Prompt(torch.zeros((7, 3), dtype=torch.int64)), r"a voice of torch.int64 \[7, 3\]"),
        (Prompt(torch.full((8, 3), 64)), "a voice with codes 64 to 64: expected 0 to 63"),
        (Prompt(gap=0), "gap = 0"),
        (Prompt(Voice(torch.zeros(3, 32), torch.zeros(17, 4).long())), "a voice of width 32"),
        (Prompt(Voice(torch.full((3, 64), torch.nan), torch.zeros(17, 4).long())), "no numbers"),
    ],
)
def test_a_prompt_that_does_not_fit(prompt: Prompt, complaint: str) -> None:
    slots = Slots(random_model(), 1)
    with pytest.raises(EngineError, match=complaint):
        slots.admit(prompt)
    assert not slots.open


@pytest.mark.parametrize("kv", [torch.float8_e4m3fn, torch.bfloat16])
def test_smaller_keys_and_values_change_little(kv: torch.dtype) -> None:
    model = random_model()
    wishes = []
    for kind in (torch.float32, kv):
        slots, frames = Slots(model, 1, kv=kind), Frames(model.config, 1)
        slot = slots.admit(sampling=GREEDY, text=3)
        wishes.append(
            [
                slots.step({slot: SlotInput(frames.user(), frames.own(), text=3)})[slot].wish
                for _ in range(30)
            ]
        )
    torch.testing.assert_close(*map(torch.tensor, wishes), rtol=0, atol=0.05)
    assert wishes[0] != wishes[1]
