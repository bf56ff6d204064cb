"""Listening without speaking, whispers from a fork, and stopping them at any tick."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from copilot.engine.duplex import Duplex, Frame, Heard, Phase, Speech
from copilot.engine.errors import EngineError
from copilot.engine.lm import LanguageModel
from copilot.engine.prompt import Prompt
from copilot.engine.sampling import GREEDY, Sampling
from copilot.engine.script import Script
from copilot.engine.slots import Slots
from tests.engine.driver import Driver, model_of, rows_of
from tests.engine.golden import LOGITS, golden
from tests.engine.models import Frames, random_model

TEXT = ((5, 6), (7,))
SEEDS = st.integers(0, 2**16)
FEW = settings(max_examples=8, deadline=None)


def test_the_wish_is_the_reference_s() -> None:
    """Both streams live, frame by frame, after the role was read in one pass."""
    fixture = golden("personaplex_tiny_forced")
    model, wanted, about = model_of(fixture), fixture.outputs["text_logits"], fixture.about
    wish = 1 - wanted.softmax(-1)[..., model.config.existing_text_padding_id]
    start, end = about["listen_frames"]
    user, own = (fixture.inputs[name].numpy() for name in ("user_codes", "own_codes"))
    duplex = Duplex(Slots(model, about["batch"]))
    role = Prompt(role=tuple(fixture.inputs["text_prompt"].tolist()), gap=about["gap_frames"])
    persona = duplex.slots.prepare(role)
    calls = [duplex.open(persona) for _ in range(about["batch"])]
    for tick in range(end - start):
        frames = {c: Frame(user[row, :, tick], own[row, :, tick]) for row, c in enumerate(calls)}
        heard = duplex.hear(frames)
        for row, call in enumerate(calls):
            assert abs(heard[call].wish - wish[row, start + tick]) < LOGITS
            assert heard[call].choice == wanted[row, start + tick].argmax()


def listen(duplex: Duplex, call: int, frames: Frames) -> Heard:
    return duplex.hear({call: Frame(frames.user(), frames.own())})[call]


@FEW
@given(SEEDS, st.integers(0, 30))
def test_a_whisper_is_never_heard_by_the_call(seed: int, stop: int) -> None:
    model = random_model()
    duplex, plain = Duplex(Slots(model, 2)), Duplex(Slots(model, 1))
    ours, theirs = duplex.open(), plain.open()
    frames, again = Frames(model.config, seed), Frames(model.config, seed)
    for tick in range(30):
        if tick == 5:
            duplex.say(ours, TEXT, Sampling(seed=seed))
        if tick == stop:
            duplex.stop(ours)
        heard = listen(duplex, ours, frames)
        assert heard._replace(spoken=None, begun=0) == listen(plain, theirs, again)
        whispers = duplex.whispering(ours)
        assert (heard.spoken is not None) <= (tick > 5)
        assert len(duplex.slots) == 1 + whispers
    assert stop > 5 or heard.spoken is None


def test_a_whisper_is_said_to_its_end() -> None:
    model = random_model()
    duplex, frames = Duplex(Slots(model, 2)), Frames(model.config, 1)
    call = duplex.open()
    duplex.say(call, TEXT)
    begun, spoken = [], 0
    while duplex.whispering(call):
        heard = listen(duplex, call, frames)
        begun.append(heard.begun)
        spoken += heard.spoken is not None
    assert begun == sorted(begun)
    assert begun[-1] == len(TEXT)
    assert spoken == len(begun) - 1
    duplex.say(call, TEXT)
    duplex.say(call, TEXT)
    duplex.close(call)
    assert not duplex.slots.open


@FEW
@given(SEEDS, st.integers(0, 25))
def test_the_cut_is_one_whole_frame_and_then_silence(seed: int, stop: int) -> None:
    """By the columns themselves, and as the reference's forced streams would have it."""
    model = random_model(context=64)
    config = model.config
    slots, frames = Slots(model, 1), Frames(model.config, seed)
    slot = slots.admit(sampling=GREEDY, text=config.existing_text_padding_id)
    speech = Speech(Script(TEXT, config), config.silence_tokens)
    played, phases = [], []
    for tick in range(40):
        if tick == stop:
            speech.stop()
        phases.append(speech.phase)
        said = slots.step({slot: speech.input(frames.user(), None)})[slot]
        played.append(speech.heard(said))
        if phases[-1] in (Phase.ONSET, Phase.OVER):
            assert said.own == config.silence_tokens
    last = phases.index(Phase.OVER) - 1
    columns = slots.rows.recent(0, 41, 40)
    silence = torch.tensor(config.silence_tokens)
    assert (columns[1, last + 1 :] == silence[0]).all()
    assert (columns[2:9, last + 2 :] == silence[1:, None]).all()
    assert (columns[0, last + 1 :] == config.existing_text_padding_id).all()
    assert all(frame is None for frame in played[last + 1 :])
    assert all(frame is not None for frame in played[1 : last + 1])
    for place in range(1, last + 1):
        frame = (int(columns[1, place]), *columns[2:9, place + 1].tolist())
        assert played[place] == frame
    assert last < stop + 1 or stop == 0
    replayed(model, columns, slots)


def replayed(model: LanguageModel, columns: Tensor, slots: Slots) -> None:
    """The slot's state is that of a model that was simply fed those columns."""
    driver = Driver(rows_of(model, 1))
    driver.step(driver.rows.initial[None], depth=False)
    for column in columns.T:
        driver.step(column[None], depth=False)
    kept = [one.cache.store for one in (driver.rows, slots.rows)]
    torch.testing.assert_close(*kept, rtol=0, atol=5e-5)


def test_no_room_for_a_whisper() -> None:
    model = random_model()
    duplex = Duplex(Slots(model, 1))
    call = duplex.open()
    with pytest.raises(EngineError, match="all 1 slots are taken"):
        duplex.say(call, TEXT)
    assert not duplex.whispering(call)


def test_a_recogniser_cannot_whisper() -> None:
    with pytest.raises(EngineError, match="no voice of its own"):
        Duplex(Slots(random_model("tiny-stt"), 1))
