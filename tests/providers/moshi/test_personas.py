"""Personas: read from settings and files, changed without a restart, refused with their reason."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from copilot.audio import wav
from copilot.audio.frames import Pcm
from copilot.config.sections import OwnPersona, Persona
from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.engine.errors import EngineError
from copilot.engine.prompt import Prompt
from copilot.errors import ConfigError
from copilot.providers.moshi import roles
from copilot.providers.moshi.ear import MoshiListener
from copilot.providers.moshi.personas import Personas
from copilot.providers.moshi.plan import Role
from copilot.providers.moshi.roles import codes_of
from tests.providers.moshi.calling import turns
from tests.providers.moshi.sound import models

BAD = {
    "role = 3": "role = 3: Input should be a valid string",
    "rol = 'x'": "rol = 'x': Extra inputs are not permitted",
    "role = ": "not a TOML file",
    "voice = 'NATF9'": "voice = 'NATF9': no such voice or recording; voices: NATF0, NATF2",
    "voice = 'persona.toml'": "no such voice or recording",
    f"role = '{'x' * 4001}'": "role: 4001 characters; shorten it to 4000 at most",
    "[packs.parcel]\nvoice = 'gone.wav'": "packs.parcel: voice = 'gone.wav': no such voice",
}


def read_role(role: Role, codes: bytes = b"") -> Prompt | None:
    steps = roles.read_role(role, models(), codes)
    while True:
        try:
            next(steps)
        except StopIteration as read:
            made: Prompt | None = read.value
            return made


async def accepted(role: Role) -> str:
    return ""


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    folder = tmp_path / "voices"
    folder.mkdir()
    for name in ("NATF0.pt", "NATF2.pt"):
        (folder / name).write_bytes(b"voice")
    return folder


def tone(seconds: float = 1.0, level: float = 0.1) -> Pcm:
    return np.asarray(level * np.sin(np.arange(int(16_000 * seconds)) / 9), np.float32)


def recording(path: Path, pcm: Pcm) -> str:
    wav.write(path, wav.Recording((pcm,), 16_000))
    return str(path)


async def test_a_call_takes_the_first_of_its_packs_that_has_a_persona(voices: Path) -> None:
    given = Persona(
        role="You work for Northwind.",
        voice="NATF2",
        packs={"parcel": OwnPersona(role="You are Ann of the parcel desk.")},
    )
    personas = Personas(given, voices)
    team = await personas.role(("bank@1",), accepted)
    assert (team.text, Path(team.voice).name) == ("You work for Northwind.", "NATF2.pt")
    parcel = await personas.role(("bank@1", "parcel@2"), accepted)
    assert (parcel.text, parcel.voice) == ("You are Ann of the parcel desk.", team.voice)
    assert set(personas.roles) == {team, parcel}
    assert Personas(Persona(), voices).roles == (Role(),)


@pytest.mark.parametrize(("content", "reason"), BAD.items(), ids=range(len(BAD)))
def test_what_cannot_be_used_is_told_at_the_start(
    voices: Path, tmp_path: Path, content: str, reason: str
) -> None:
    file = tmp_path / "persona.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as told:
        Personas(Persona(file=file), voices)
    assert reason in str(told.value)
    assert str(file) in str(told.value)


def test_a_file_and_values_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not both"):
        Personas(Persona(role="x", file=tmp_path / "p.toml"), tmp_path)
    with pytest.raises(ConfigError, match="No such file"):
        Personas(Persona(file=tmp_path / "p.toml"), tmp_path)


async def test_a_change_is_taken_up_and_a_change_for_the_worse_is_not(
    voices: Path, tmp_path: Path
) -> None:
    file, seen = tmp_path / "persona.toml", []
    os.utime(voices)

    async def prepare(role: Role) -> str:
        seen.append(role.text)
        return "the role is too long" if "long" in role.text else ""

    def write(content: str) -> None:
        file.write_text(content)
        os.utime(file, (0, len(seen) + len(content)))

    write("role = 'one'")
    personas = Personas(Persona(file=file), voices)
    assert (await personas.role((), prepare)).text == "one"
    assert seen == []
    write("role = 'the second'")
    assert (await personas.role((), prepare)).text == "the second"
    write("role = 'a long one'")
    assert (await personas.role((), prepare)).text == "the second"
    assert personas.fault.endswith("the role is too long")
    write("role = ")
    assert (await personas.role((), prepare)).text == "the second"
    assert "not a TOML file" in personas.fault
    write("role = 'better now'")
    assert (await personas.role((), prepare)).text == "better now"
    assert personas.fault == ""
    assert seen == ["the second", "a long one", "better now"]


async def test_calls_with_one_role_share_what_was_read(listener: MoshiListener) -> None:
    """And what the model is told changes what it wishes."""
    wishes: list[list[str]] = []
    for text in ("", "kind and brief", "kind and brief"):
        listener._personas = Personas(Persona(role=text), Path("none"))
        ear = await listener.open(CallStarted(f"call {len(wishes)}", Policy()))
        wishes.append([(await ear.hear(turn)).upcoming for turn in turns(25)])
        wishes[-1].append(str(ear.seat.role.text))
        await ear.close()
    assert wishes[0] != wishes[1]
    assert wishes[1] == wishes[2]
    link = listener.engine._link
    assert len(getattr(link, "worker")._cast) == 2  # noqa: B009 - of the link in this process


def test_a_recorded_voice_becomes_a_prompt(tmp_path: Path) -> None:
    path = recording(tmp_path / "voice.wav", tone())
    prompt = read_role(Role("kind", path, "1"))
    assert prompt is not None
    assert isinstance(prompt.voice, torch.Tensor)
    assert prompt.voice.shape == (8, 13)
    louder = read_role(Role("kind", recording(tmp_path / "loud.wav", tone(level=0.4))))
    assert louder is not None
    assert isinstance(louder.voice, torch.Tensor)
    assert float((louder.voice == prompt.voice).float().mean()) > 0.9, "as loud as the other"
    assert read_role(Role()) is None


@pytest.mark.parametrize(
    ("pcm", "reason"),
    [
        (tone(21), r"21 s; give at most 20 s of speech"),
        (tone(level=0.0), "silent"),
        (np.sign(tone()).astype(np.float32), "are at full scale; record it less loud"),
    ],
    ids=["long", "silent", "clipped"],
)
def test_a_recording_that_is_no_voice_is_refused(tmp_path: Path, pcm: Pcm, reason: str) -> None:
    path = recording(tmp_path / "voice.wav", pcm)
    with pytest.raises(EngineError, match=reason):
        read_role(Role("", path))
    (tmp_path / "voice.pt").write_bytes(b"no archive")
    with pytest.raises(EngineError, match=r"no voice prompt, or a damaged one|more than tensors"):
        read_role(Role("", str(tmp_path / "voice.pt")))
    (tmp_path / "voice.wav").write_bytes(b"RIFF")
    with pytest.raises(EngineError, match="not a recording that can be read"):
        read_role(Role("", path))


async def test_a_team_may_have_a_persona_beside_those_of_packs(
    voices: Path, tmp_path: Path
) -> None:
    file = tmp_path / "persona.toml"
    file.write_text(
        "role = 'common'\nvoice = 'NATF2'\n"
        "[teams.north]\nrole = 'north'\n[packs.parcel]\nrole = 'parcel'\n"
    )
    personas = Personas(Persona(file=file), voices)
    for team, packs, expected in (
        ("", (), "common"),
        ("south", ("bank@1",), "common"),
        ("north", ("bank@1",), "north"),
        ("north", ("parcel@1",), "parcel"),
    ):
        role = await personas.role(packs, accepted, team)
        assert (role.text, Path(role.voice).stem) == (expected, "NATF2")
    file.write_text("[teams.north]\nvoice = 'gone'\n")
    assert (await personas.role((), accepted, "north")).text == "north"
    assert "teams.north: voice = 'gone': no such voice" in personas.fault


async def test_a_change_is_in_use_only_once_it_was_read(voices: Path, tmp_path: Path) -> None:
    """Other calls begin with what was in use; what could not be read in time is tried again."""
    file = tmp_path / "persona.toml"
    file.write_text("role = 'one'")
    personas = Personas(Persona(file=file), voices)
    gate, verdicts = asyncio.Event(), ["too long", ""]

    async def prepare(role: Role) -> str:
        await gate.wait()
        if role.text == "slow":
            raise TimeoutError("it was not read within 10 s")
        return verdicts.pop(0)

    file.write_text("role = 'the second'")
    first = asyncio.create_task(personas.role((), prepare))
    await asyncio.sleep(0)
    assert (await personas.role((), prepare)).text == "one"
    gate.set()
    assert (await first).text == "one"
    assert personas.fault.endswith("too long")
    file.write_text("role = 'slow'")
    assert (await personas.role((), prepare)).text == "one"
    assert "the next call tries again" in personas.fault
    assert (await personas.role((), prepare)).text == "one"
    file.write_text("role = 'third'")
    assert (await personas.role((), prepare)).text == "third"
    assert personas.fault == ""


async def test_a_voice_that_was_recorded_again_is_taken_up(tmp_path: Path) -> None:
    path = recording(tmp_path / "ann.wav", tone())
    personas = Personas(Persona(voice=path), tmp_path)
    before = await personas.role((), accepted)
    recording(tmp_path / "ann.wav", tone(2.0))
    after = await personas.role((), accepted)
    assert (before.voice, before.stamp) != (after.voice, after.stamp)
    os.unlink(path)  # noqa: PTH108
    assert await personas.role((), accepted) == after
    assert "no such voice or recording" in personas.fault


def test_a_voice_that_was_read_needs_its_file_no_more(tmp_path: Path) -> None:
    role = Role("kind", recording(tmp_path / "ann.wav", tone()))
    prompt = read_role(role)
    assert prompt is not None
    Path(role.voice).unlink()
    again = read_role(role, codes_of(prompt))
    assert again is not None
    assert isinstance(prompt.voice, torch.Tensor)
    assert isinstance(again.voice, torch.Tensor)
    assert torch.equal(again.voice, prompt.voice)
    assert again.role == prompt.role
    assert codes_of(None) == b""


async def test_a_team_writes_its_own_persona_and_names_no_files(
    voices: Path, tmp_path: Path
) -> None:
    given = Persona(role="You work for Northwind.", voice="NATF0")
    personas = Personas(given, voices)
    asked: list[Role] = []

    async def prepare(role: Role) -> str:
        asked.append(role)
        return ""

    own = await personas.of_team("You are Ann.", "", (), prepare)
    assert (own.text, Path(own.voice).name) == ("You are Ann.", "NATF0.pt")
    assert await personas.of_team("You are Ann.", "", (), prepare) == own
    assert asked == [own], "it is read once"
    sung = await personas.of_team("", "NATF2", (), prepare)
    assert (sung.text, Path(sung.voice).name) == ("You work for Northwind.", "NATF2.pt")
    there = recording(tmp_path / "secret.wav", tone())
    for voice, told in ((there, "name one of the checkpoint"), ("NATF9", "no such voice")):
        settings = await personas.of_team("You are Ann.", voice, (), prepare)
        assert settings.text == "You work for Northwind."
        assert told in personas.fault

    async def refuse(role: Role) -> str:
        return "too long for the window"

    assert (await personas.of_team("You are Bob.", "", (), refuse)).text == given.role
    assert "too long for the window" in personas.fault
