"""Laws of a running batch: no slot is touched by the others, however they come and go."""

import gc

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.engine.edge import SlotInput
from copilot.engine.errors import EngineError
from copilot.engine.lm import LanguageModel
from copilot.engine.prompt import Prompt, prefix
from copilot.engine.rows import Rows
from copilot.engine.sampling import GREEDY, Sampling
from copilot.engine.slots import Slots
from tests.engine.driver import Driver, rows_of
from tests.engine.models import Frames, alone, random_model, random_weights, small_model

SEEDS = st.integers(0, 2**16)
FEW = settings(max_examples=8, deadline=None)


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> None:
    """Bits depend on how a product is divided among threads."""
    torch.set_num_threads(1)


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


@pytest.mark.parametrize("window", [3, 6, 66])
def test_prompts_of_every_length(window: int) -> None:
    """As long as the window allows they are what stepping through them gives; longer ones are
    refused."""
    model = random_model(context=window, depformer_num_layers=1)
    slots, dice = Slots(model, 1), torch.Generator().manual_seed(0)
    driver, stepped = Driver(rows_of(model, 1)), []
    voice = torch.randint(0, model.config.card, (8, window + 2), generator=dice)
    for length in (1, 2, 3, *range(max(4, window - 3), window + 2)):
        prompt = Prompt(voice[:, : length - 1] if length > 1 else None, gap=1)
        if length >= window:
            with pytest.raises(EngineError, match=f"a prompt of {length} frames .* the window is"):
                slots.prepare(prompt)
            continue
        column = prefix(prompt, model.config, window).columns
        driver.rows.position.zero_()
        stepped = [driver.step(one[None], depth=False).hidden for one in column.T]
        torch.testing.assert_close(slots.prepare(prompt).hidden, stepped[-1][0], rtol=0, atol=5e-5)
    assert len(stepped) == window - 1


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
    more = [torch.zeros(1) for _ in range(3)]
    assert live_tensors() == alive + len(more)


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


def test_a_slot_without_numbers_spoils_no_row_that_it_leaves() -> None:
    model = small_model()
    slots, frames, theirs = Slots(model, 2), Frames(model.config, 2), Frames(model.config, 3)
    good, bad = slots.admit(sampling=GREEDY), slots.admit(sampling=GREEDY)
    for _ in range(5):
        slots.step({good: theirs.input(), bad: frames.input()})
    slots.rows.cache.store[0, 1, 1, 0, 4] = torch.nan
    assert list(slots.step({good: theirs.input(), bad: frames.input()})) == [good]
    slots.free(good)  # the bad slot moves into its row
    fresh, heard = slots.admit(sampling=GREEDY), Frames(model.config, 1)
    said = [slots.step({fresh: heard.input()})[fresh] for _ in range(20)]
    assert said == alone(1, 20, GREEDY)


def test_a_voice_without_numbers_is_told() -> None:
    """Where the text is still one: of the depth transformer's last head."""
    config, weights = random_weights()
    weights["linears.7.weight"][0] = torch.inf
    slots, frames = Slots(LanguageModel(config, weights), 1), Frames(config, 1)
    slot = slots.admit(sampling=GREEDY)
    listening = SlotInput(frames.user(), own=frames.own())
    assert slots.step({slot: listening})
    assert not slots.step({slot: listening._replace(speaks=True)})


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
