"""Recordings played through the copilot: what may be given, and what comes out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from rich.console import Console

from copilot.audio.frames import MicroTurn
from copilot.core.call import replay
from copilot.core.events import (
    CallEnded,
    CallStarted,
    Heard,
    Search,
    ShowCard,
    Withheld,
    decode_entry,
)
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, TurnText, Word
from copilot.errors import AudioError
from copilot.evaluate.listen import Recorded, Result, picture, play, recorded, recordings
from copilot.evaluate.logs import write
from copilot.ports import Found, Pinned
from tests.helpers import passage

QUESTION = "can i change the delivery address of my parcel".split()


def sound(path: Path, channels: int = 1, rate: int = 16_000, seconds: float = 0.5) -> Path:
    samples = np.random.default_rng(1).normal(0, 0.1, (round(rate * seconds), channels))
    soundfile.write(path, samples, rate, subtype="PCM_16")
    return path


def test_one_channel_is_the_customer(tmp_path: Path) -> None:
    call = recorded(sound(tmp_path / "call.wav"))
    assert call.agent is None
    assert call.seconds == 0.5


def test_of_two_channels_the_first_is_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, np.array([[0.5, -0.25]] * 800), 8000, subtype="PCM_16")
    call = recorded(path)
    assert call.agent is not None
    assert call.agent[0] == pytest.approx(0.5, abs=1e-3)
    assert call.customer[0] == pytest.approx(-0.25, abs=1e-3)


def test_two_files_are_brought_to_one_rate_and_length(tmp_path: Path) -> None:
    agent = sound(tmp_path / "agent.wav", rate=8000, seconds=1)
    customer = sound(tmp_path / "customer.wav", rate=48_000, seconds=2)
    call = recorded(agent, customer)
    assert call.agent is not None
    assert len(call.agent) == len(call.customer) == 96_000


def test_a_stereo_file_is_not_one_party(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="two channels already"):
        recorded(sound(tmp_path / "a.wav", channels=2), sound(tmp_path / "b.wav"))


def test_a_manifest_beside_it_knows_the_words(tmp_path: Path) -> None:
    path = sound(tmp_path / "call.wav")
    (tmp_path / "manifest.json").write_text('[{"file": "call.wav", "text": "Good morning."}]')
    assert recorded(path).reference == "Good morning."


def test_a_manifest_of_turns(tmp_path: Path) -> None:
    path = sound(tmp_path / "call.wav")
    rows = '[{"file": "b.wav"}, {"file": "call.wav", "text": null, "turns": [{"text": "Hi."}]}]'
    (tmp_path / "manifest.json").write_text(rows)
    assert recorded(path).reference == "Hi."


@pytest.mark.parametrize(
    "content",
    [
        b"[",
        b'[{"file": "call.wav", "text": "caf\xe9"}]',
        b'[{"file": "call.wav", "turns": [{"words": "Hi."}]}]',
        b'[{"file": "call.wav", "turns": ["Hi."]}]',
        b'[{"file": "call.wav", "text": 3}]',
    ],
)
def test_a_manifest_that_cannot_be_used(tmp_path: Path, content: bytes) -> None:
    path = sound(tmp_path / "call.wav")
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(AudioError, match=r"manifest\.json: .*; mend or remove it"):
        recorded(path)


@pytest.mark.parametrize("content", [b"{}", b'["call.wav"]', b'[{"file": "other.wav"}]'])
def test_a_manifest_of_something_else_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = sound(tmp_path / "call.wav")
    (tmp_path / "manifest.json").write_bytes(content)
    assert recorded(path).reference == ""


def test_a_folder_is_heard_file_by_file(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no sound file"):
        recordings(tmp_path)
    files = [sound(tmp_path / name) for name in ("a.wav", "b.flac")]
    (tmp_path / "notes.txt").write_text("x")
    assert recordings(tmp_path) == [(path, None) for path in files]
    with pytest.raises(AudioError, match="give it alone"):
        recordings(tmp_path, files[0])


class Asking:
    """Hears the question in whatever is played."""

    rate = 16_000

    async def open(self, call: CallStarted) -> "Asking":
        return self

    async def hear(self, turn: MicroTurn) -> Heard:
        assert turn.agent.shape == turn.customer.shape == (1280,)
        index, phase = divmod(turn.tick, 4)
        if index >= len(QUESTION):
            return Heard(turn.tick)
        word = Word(QUESTION[index], turn.tick - 3, turn.tick + 1)
        return Heard(turn.tick, customer=Hearing(95, words=(word,) if phase == 3 else ()))

    async def close(self) -> None: ...


class Shelf:
    def __init__(self, score: int) -> None:
        self.score = score

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        return Found((passage(score=self.score),))


async def result(score: int, reference: str = "") -> Result:
    customer = np.zeros(16_000 * 6, np.float32)
    call = Recorded("call.wav", None, customer, 16_000, reference)
    return await play(call, Asking(), Pinned(("p@1",), Shelf(score)), Policy(), lambda *_: None)


async def test_a_card_and_a_log_that_replays(tmp_path: Path) -> None:
    made = await result(90, " ".join(QUESTION))
    assert len(made.effects(ShowCard)) == 1
    assert made.word_error_rate() == 0
    log = [decode_entry(line) for line in write(made.entries).splitlines()]
    assert replay(log) is None
    assert any(entry.event == CallEnded("hang_up") for entry in log)


async def test_a_silence_is_told_with_its_reason() -> None:
    made = await result(9)
    assert dict(made.silences()) == {"weak": 1}
    assert made.figures()["silences"] == {"weak": 1}
    console = Console(width=100, record=True)
    console.print(picture(made))
    text = console.export_text()
    assert "weak: can i change" in text
    assert "no transcript to compare with" in text
    assert made.effects(Withheld)
    assert made.effects(Search)
