"""Words of a recogniser: the published rule, its clock, and silence that is passed quickly."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from copilot.engine.errors import EngineError
from copilot.engine.mimi import Mimi
from copilot.engine.presets import FRAME_RATE, MimiConfig
from copilot.engine.slots import Slots
from copilot.engine.stt import Clock, Ended, Recogniser, Spelled, Speller, Word, silence_codes
from copilot.engine.voices import load_tokenizer
from tests.engine.driver import model_of
from tests.engine.golden import HEADS, Golden, golden
from tests.engine.models import Frames, random_model

TICK = 0.08


def test_words_of_the_reference() -> None:
    fixture = golden("stt_tiny")
    tokens = fixture.outputs["text_tokens"].tolist()
    for told in fixture.json("words.json")["rows"]:
        speller = Speller(
            fixture.about["delay_tokens"],
            fixture.raw["existing_text_padding_id"],
            fixture.raw["existing_text_end_padding_id"],
        )
        events = []
        for call, token in enumerate(tokens[told["row"]]):
            events += [(call, event) for event in speller.push(call + 1, token)]
        assert [as_told(*event) for event in events] == [
            {key: value for key, value in event.items() if key != "text"}
            for event in told["events"]
        ]
        assert speller.pending == told["pending_tokens"]


def as_told(call: int, event: Spelled | Ended) -> dict[str, object]:
    if isinstance(event, Spelled):
        start = round(event.start * TICK, 6)
        return {"call": call, "event": "word", "tokens": list(event.tokens), "start": start}
    return {"call": call, "event": "end_word", "stop": round(event.stop * TICK, 6)}


def test_from_audio_to_words() -> None:
    """Two parties in one batch, the codec streaming, frame by frame."""
    fixture = golden("stt_tiny")
    recogniser, codec = recogniser_of(fixture)
    given, wanted = fixture.inputs, fixture.outputs
    rows = given["pcm"].shape[0]
    parties = [recogniser.open() for _ in range(rows)]
    stream, frames = codec.encoder_stream(rows), given["codes"].shape[2]
    said: list[list[Word]] = [[] for _ in parties]
    for tick, pcm in enumerate(padded(fixture).chunk(frames, dim=2)):
        codes = codec.encode(pcm, stream)[:, :, 0]
        assert torch.equal(codes, given["codes"][:, :, tick])
        heard = recogniser.hear(dict(zip(parties, codes.numpy(), strict=True)))
        for row, party in enumerate(parties):
            said[row] += heard[party].words
            probabilities = torch.tensor(heard[party].pauses)
            wished = wanted["head_probs"][row, tick + 1, :, 0]
            torch.testing.assert_close(probabilities, wished, rtol=0, atol=HEADS)
    for told, words in zip(fixture.json("words.json")["rows"], said, strict=True):
        spelled = [event for event in told["events"] if event["event"] == "word"]
        assert [word.text for word in words] == [event["text"] for event in spelled]
        starts = [round(word.start * TICK, 6) for word in words]
        assert starts == [event["start"] for event in spelled]


def recogniser_of(fixture: Golden) -> tuple[Recogniser, Mimi]:
    """With the fixture's own delay, and without silence before a call: `padded` has that as
    audio."""
    ticks = fixture.about["delay_tokens"]
    model = model_of(
        replace(fixture, raw={**fixture.raw, "audio_delay_seconds": ticks / FRAME_RATE})
    )
    assert model.config.delay_ticks == ticks
    config = MimiConfig.parse(fixture.json("mimi_config.json"))
    file = fixture.path / "mimi_weights.safetensors"
    codec = Mimi.load(file, config, codebooks=model.config.n_q)
    tokenizer = load_tokenizer(fixture.path / "tokenizer.model", model.config)
    slots = Slots(model, fixture.inputs["pcm"].shape[0])
    return Recogniser(slots, tokenizer, silence_codes(codec)), codec


def padded(fixture: Golden) -> torch.Tensor:
    """The audio as the reference's runner feeds it, in whole frames."""
    before, after = fixture.about["padded_samples"]
    pcm = torch.nn.functional.pad(fixture.inputs["pcm"], (before, after))
    size = MimiConfig.parse(fixture.json("mimi_config.json")).frame_size
    return pcm[:, :, : pcm.shape[2] // size * size]


class Letters:
    """A tokenizer whose pieces are numbers."""

    def encode(self, text: str) -> list[int]:
        return [int(part) for part in text.split("-")]

    def decode(self, tokens: list[int]) -> str:
        return "-".join(map(str, tokens))


def test_flush_brings_the_words_that_are_on_their_way() -> None:
    """As silence that was really heard would, but for the clock; and the next words are timed by
    their audio."""
    model = random_model("tiny-stt")
    quiet = [5] * model.config.n_q
    recogniser = Recogniser(Slots(model, 2), Letters(), quiet)
    flushed, patient = recogniser.open(), recogniser.open()
    frames = Frames(model.config, 4)
    delay = model.config.delay_ticks

    def both(codes: NDArray[np.int64]) -> None:
        said = recogniser.hear({flushed: codes, patient: codes})
        assert said[flushed] == said[patient]

    for _ in range(25):
        both(frames.user())
    fast = recogniser.flush([flushed])[flushed]
    slow = [recogniser.hear({patient: quiet})[patient] for _ in range(delay + 1)]
    assert [word.text for word in fast.words] == [w.text for one in slow for w in one.words]
    assert (fast.partial, fast.pauses) == (slow[-1].partial, slow[-1].pauses)
    assert all(word.end <= 25 for word in fast.words)
    later = [frames.user() for _ in range(60)]
    words = [
        [w for codes in later for w in recogniser.hear({party: codes})[party].words]
        for party in (flushed, patient)
    ]
    assert [w.text for w in words[0]] == [w.text for w in words[1]]
    shifts = {b.end - a.end for a, b in zip(*words, strict=True) if a.end > 25}
    assert shifts == {delay + 1}


def test_silence_before_the_audio_is_not_on_its_clock() -> None:
    model = random_model("tiny-stt", audio_silence_prefix_seconds=1.0)
    quiet = [5] * model.config.n_q
    recogniser = Recogniser(Slots(model, 1), Letters(), quiet)
    party, frames = recogniser.open(), Frames(model.config, 4)
    words = [w for _ in range(40) for w in recogniser.hear({party: frames.user()})[party].words]
    assert words
    assert all(0 <= word.start <= word.end <= 40 for word in words)


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 9)), max_size=6))
def test_the_clock_never_goes_back(gaps: list[tuple[int, int]]) -> None:
    clock, fed = Clock(), 0
    for heard, count in gaps:
        fed += heard
        clock.skip(fed, count)
        fed += count
    ticks = [clock.audio(tick) for tick in range(fed + 5)]
    assert all(after - before in (0, 1) for before, after in pairwise(ticks))
    assert ticks[fed] == sum(heard for heard, _ in gaps)


def test_a_model_that_speaks_is_no_recogniser() -> None:
    with pytest.raises(EngineError, match="expected a recogniser, dep_q = 0"):
        Recogniser(Slots(random_model(), 1), Letters(), [0] * 32)


def test_a_recogniser_has_no_voice() -> None:
    slots = Slots(random_model("tiny-stt"), 1)
    with pytest.raises(EngineError, match="a recogniser does not speak"):
        slots.admit(speaks=True)
