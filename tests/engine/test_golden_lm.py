"""The language models against what the references computed, forward by forward."""

import pytest
import torch
from torch import Tensor

from copilot.engine.edge import SlotInput
from copilot.engine.lm import KEEP, LanguageModel
from copilot.engine.presets import LmConfig
from copilot.engine.prompt import Prompt, columns, prefix
from copilot.engine.prompt import prompt_frames as frames_of
from copilot.engine.sampling import GREEDY
from copilot.engine.slots import Slots
from copilot.engine.voices import load_voice
from copilot.engine.weights import load
from tests.engine.driver import Driver, check_slots, model_of, rows_of
from tests.engine.golden import HEADS, HIDDEN, LOGITS, Golden, golden


def close(found: Tensor, wanted: Tensor, tolerance: float) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=tolerance)


def same_tokens(driver: Driver, wanted: dict[str, Tensor], first: int = 0) -> None:
    """All forwards from `first` on; a fixture of a session alone holds no readings."""
    steps = driver.rows.config.steps
    made = driver.all("following")
    assert torch.equal(driver.all("column").transpose(1, 2), wanted["columns"][:, :, first:])
    assert torch.equal(made[..., 0], wanted["text_tokens"][:, first:])
    assert torch.equal(made[..., 1 : 1 + steps], wanted["audio_tokens"][:, first:])
    if "hidden" in wanted:
        close(driver.all("hidden"), wanted["hidden"][:, first:], HIDDEN)
        close(driver.all("text_logits"), wanted["text_logits"][:, first:], LOGITS)
        close(driver.all("audio_logits"), wanted["audio_logits"][:, first:, :steps], LOGITS)


@pytest.mark.parametrize("name", ["moshi_tiny", "ring"])
def test_free_calls(name: str) -> None:
    fixture = golden(name)
    codes = fixture.inputs["user_codes"]
    driver = Driver(rows_of(model_of(fixture), codes.shape[0]))
    for tick in range(codes.shape[2]):
        driver.step(*driver.user(codes[:, :, tick]))

    same_tokens(driver, fixture.outputs)


def test_returned_frames() -> None:
    fixture = golden("moshi_tiny")
    codes = fixture.inputs["user_codes"]
    driver = Driver(rows_of(model_of(fixture), codes.shape[0]))
    config = driver.rows.config
    for tick in range(codes.shape[2]):
        driver.step(*driver.user(codes[:, :, tick]))
    both = torch.stack((driver.all("column"), driver.all("following")))
    frames = torch.stack(
        [both[d, :, :, row] for row, d in enumerate(config.delays[: config.user_row])], 1
    )
    assert torch.equal(frames[:, :, 1:], fixture.outputs["returned"][:, :, 1:])


@pytest.mark.parametrize("name", ["moshi_tiny", "ring"])
def test_free_calls_through_slots(name: str) -> None:
    check_slots(golden(name), torch.device("cpu"))


def test_rows_that_join_pause_and_leave() -> None:
    fixture = golden("moshi_tiny_slots")
    given, wanted = fixture.inputs, fixture.outputs
    codes, executes = given["user_codes"], given["exec_mask"]
    driver = Driver(rows_of(model_of(fixture), codes.shape[0]))
    for tick in range(codes.shape[2]):
        for row in given["reset_mask"][tick].nonzero()[:, 0].tolist():
            driver.rows.position[row] = 0
        driver.step(*driver.user(codes[:, :, tick]), live=executes[tick])
    ran = executes.T
    steps = driver.rows.config.steps
    made = driver.all("following")
    assert torch.equal(driver.all("column")[ran], wanted["columns"].transpose(1, 2)[ran])
    assert torch.equal(made[..., 0][ran], wanted["text_tokens"][ran])
    assert torch.equal(made[..., 1 : 1 + steps][ran], wanted["audio_tokens"][ran])
    for name, tolerance in (("hidden", HIDDEN), ("text_logits", LOGITS), ("audio_logits", LOGITS)):
        close(driver.all(name)[ran], wanted[name][ran], tolerance)


def test_sessions_alone() -> None:
    fixture = golden("moshi_tiny_slots")
    model, solo = model_of(fixture), fixture.tensors("solo")
    for number, session in enumerate(fixture.about["sessions"]):
        codes = fixture.inputs["user_codes"][session["row"]][:, session["ticks"]]
        driver = Driver(rows_of(model, 1))
        for tick in range(codes.shape[1]):
            driver.step(*driver.user(codes[None, :, tick]))
        begin = f"session{number}."
        same_tokens(driver, {k.removeprefix(begin): solo[k] for k in solo if k.startswith(begin)})


def test_prefix_in_one_pass() -> None:
    fixture = golden("prefill")
    given, wanted = fixture.inputs, fixture.tensors("prefix_outputs")
    known, codes = given["prefix_columns"], given["user_codes"]
    count, length = known.shape[0], known.shape[2]
    driver = Driver(rows_of(model_of(fixture), count))
    rows = driver.rows
    last = []
    for row in range(count):
        hidden = rows.prefill(row, 0, known[row])
        close(hidden, wanted["hidden"][row], HIDDEN)
        close(rows.model.text_logits(hidden), wanted["text_logits"][row], LOGITS)
        _, following = driver.user(codes[row, None, :, length - 1])
        last.append(rows.seat(row, hidden[-1], told(driver, following), depth=True))
    fixture_first = {k: v[:, :1] for k, v in fixture.outputs.items()}
    for name, tolerance in (("hidden", HIDDEN), ("text_logits", LOGITS), ("audio_logits", LOGITS)):
        close(torch.cat([getattr(one, name) for one in last]), fixture_first[name][:, 0], tolerance)
    made = torch.cat([one.following for one in last])
    assert torch.equal(made[:, 0], fixture_first["text_tokens"][:, 0])
    assert torch.equal(made[:, 1 : rows.config.user_row], fixture_first["audio_tokens"][:, 0])
    for tick in range(length, codes.shape[2]):
        driver.step(*driver.user(codes[:, :, tick]))
    same_tokens(driver, fixture.outputs, first=1)


def told(driver: Driver, following: Tensor) -> Tensor:
    """What `seat` is given of one row's next column [1, rows]."""
    layout = driver.rows.layout
    given = torch.full((layout.width,), KEEP)
    given[layout.text] = following[0, :1]
    given[layout.following] = following[0, 1:]
    return given


@pytest.mark.parametrize("archive", [False, True])
def test_prompt_then_free(archive: bool) -> None:
    fixture = golden("personaplex_tiny")
    model, given, wanted = model_of(fixture), fixture.inputs, fixture.outputs
    config = model.config
    voice = load_voice(fixture.path / "voice.pt", config) if archive else given["voice_codes"][0]
    role = tuple(given["text_prompt"].tolist())
    start = prefix(Prompt(voice, role, fixture.about["gap_frames"]), config, config.context)
    assert start.length == fixture.about["prompt_frames"]
    length = start.length
    driver = Driver(rows_of(model, 1))
    hidden = driver.rows.prefill(0, 0, start.columns, start.known)
    close(hidden, wanted["hidden"][0, :length], HIDDEN)
    close(model.text_logits(hidden), wanted["text_logits"][0, :length], LOGITS)
    first = driver.rows.seat(0, hidden[-1], told(driver, start.following[None]), depth=True)
    last = length - 1
    assert torch.equal(first.following[0, 1 : config.user_row], wanted["audio_tokens"][0, last])
    assert first.following[0, 0] == wanted["text_tokens"][0, last]
    assert first.audio_logits is not None
    close(first.audio_logits, wanted["audio_logits"][:, last, : config.steps], LOGITS)
    live = given["live_user_codes"]
    for tick in range(live.shape[2] - 1):
        driver.step(*driver.user(live[:, :, tick]))
    same_tokens(driver, wanted, first=length)


@pytest.mark.parametrize("archive", [False, True])
def test_a_prompted_slot_answers_live_frames(archive: bool) -> None:
    """Frame by frame on arrival, as upstream's driver does with the same prompt."""
    fixture = golden("personaplex_tiny")
    model, given = model_of(fixture), fixture.inputs
    wanted = fixture.tensors("outputs_upstream")["returned"][0]
    file = fixture.path / "voice.pt"
    voice = load_voice(file, model.config) if archive else given["voice_codes"][0]
    role = tuple(given["text_prompt"].tolist())
    slots = Slots(model, 1)
    slot = slots.admit(Prompt(voice, role, fixture.about["gap_frames"]), GREEDY, speaks=True)
    for tick, heard in enumerate(given["live_user_codes"][0].T.tolist()):
        said = slots.step({slot: SlotInput(heard, speaks=True)})[slot]
        frame = wanted[:, fixture.about["prompt_frames"] + tick].tolist()
        assert said.own == tuple(frame[1:])
        assert said.position == fixture.about["prompt_frames"] + tick


def test_prompt_step_by_step() -> None:
    """Forced streams column by column: the prompt, then the user; the depth steps are conditioned
    by what is forced."""
    fixture = golden("personaplex_tiny")
    model, given = model_of(fixture), fixture.inputs
    start = prefix(
        Prompt(
            given["voice_codes"][0],
            tuple(given["text_prompt"].tolist()),
            fixture.about["gap_frames"],
        ),
        model.config,
        model.config.context,
    )
    known = torch.cat((start.columns, start.following[:, None]), dim=1)
    driver = Driver(rows_of(model, 1))
    for position in range(start.length):
        driver.step(known[None, :, position], known[None, :, position + 1])
    live = given["live_user_codes"]
    for tick in range(live.shape[2] - 1):
        driver.step(*driver.user(live[:, :, tick]))
    same_tokens(driver, fixture.outputs)


@pytest.mark.parametrize("sparing", [False, True])
def test_forced_listening_speaking_and_silence(sparing: bool) -> None:
    """`sparing` runs the depth transformer only where it has something to choose."""
    fixture = golden("personaplex_tiny_forced")
    model, wanted = model_of(fixture), fixture.outputs
    shifted = torch.stack([columns(one, model.config) for one in forced_frames(fixture, model)])
    driver = Driver(rows_of(model, shifted.shape[0]))
    own = slice(1, model.config.user_row)
    for forward in range(wanted["hidden"].shape[1]):
        following = shifted[:, :, forward + 1]
        assert torch.equal(following != KEEP, wanted["provided"][:, forward])
        free = bool((following[:, own] == KEEP).any())
        driver.step(following=following, depth=free or not sparing)
    if not sparing:
        same_tokens(driver, wanted)
    assert torch.equal(driver.all("column").transpose(1, 2), wanted["columns"])
    close(driver.all("hidden"), wanted["hidden"], HIDDEN)
    pad = wanted["text_logits"].softmax(-1)[..., model.config.existing_text_padding_id]
    close(torch.stack(driver.told, 1)[..., 1], pad, LOGITS)


def forced_frames(fixture: Golden, model: LanguageModel) -> Tensor:
    """[B, rows, frames] with KEEP where a stream is free, by the frame ranges of the fixture."""
    given, about, config = fixture.inputs, fixture.about, model.config
    own, user = slice(1, config.user_row), slice(config.user_row, config.rows)
    frames = torch.full((about["batch"], config.rows, about["calls"]), KEEP)
    role = Prompt(None, tuple(given["text_prompt"].tolist()), about["gap_frames"])
    start = about["prompt_frames"]
    frames[:, :, :start] = frames_of(role, config)
    frames[:, user, start:] = given["user_codes"]
    silence = torch.tensor(config.silence_tokens)[:, None]
    listen, speak, pad, free = (
        slice(*about[name])
        for name in (
            "listen_frames",
            "speak_frames",
            "silent_text_pad_frames",
            "silent_text_free_frames",
        )
    )
    frames[:, own, listen] = given["own_codes"]
    frames[:, 0, speak] = given["text_script"]
    frames[:, 0, pad] = config.existing_text_padding_id
    frames[:, own, pad] = silence
    frames[:, own, free] = silence
    return frames


def test_recogniser_and_its_heads() -> None:
    fixture = golden("stt_tiny")
    codes, wanted = fixture.inputs["fed_codes"], fixture.outputs
    driver = Driver(rows_of(model_of(fixture), codes.shape[0]))
    for call in range(codes.shape[2]):
        driver.step(*driver.user(codes[:, :, call]))
    assert torch.equal(driver.all("column").transpose(1, 2), wanted["columns"])
    assert torch.equal(driver.all("following")[..., 0], wanted["text_tokens"])
    close(driver.all("hidden"), wanted["hidden"], HIDDEN)
    close(driver.all("text_logits"), wanted["text_logits"], LOGITS)
    heads = driver.rows.model.head_probabilities(driver.all("hidden"))
    close(heads, wanted["head_probs"], HEADS)
    count = driver.rows.config.extra_heads_num_heads
    close(torch.stack(driver.told, 1)[..., -count:], wanted["head_probs"][..., 0], HEADS)


def test_int8_stays_close() -> None:
    fixture = golden("moshi_tiny")
    config = LmConfig.parse(fixture.raw)
    model = LanguageModel(config, load(fixture.weights, config, int8=True))
    wanted = fixture.outputs
    driver = Driver(rows_of(model, wanted["columns"].shape[0]))
    for position in range(wanted["columns"].shape[2]):
        driver.step(wanted["columns"][:, :, position])
    off = driver.all("text_logits") - wanted["text_logits"]
    assert off.square().mean().sqrt() < 0.05 * wanted["text_logits"].std()
    assert off.abs().max() > LOGITS


def test_a_long_prefix_goes_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.engine.rows.CHUNK", 7)
    fixture = golden("ring")
    known, wanted = fixture.outputs["columns"], fixture.outputs["hidden"]
    rows = rows_of(model_of(fixture), 1)
    close(rows.prefill(0, 0, known[-1]), wanted[-1], HIDDEN)
    assert known.shape[2] > 2 * rows.window
