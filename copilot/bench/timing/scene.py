"""A scripted call for the timing bench: who says what when, and what is expected of whom."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from copilot.core.vocabulary import Party
from copilot.errors import ConfigError

SCENES = Path(__file__).parent / "scenes"
"""Those that the policy was tuned with."""
STRANGERS = Path(__file__).parent / "strangers"
"""Those written without sight of what the copilot does. The first three files were looked at when
the detector of questions was chosen, the others never."""


class Sound(StrEnum):
    """What is heard of a party that says no words."""

    MUSIC = "music"
    """Hold music: a voice detector takes it for speech now and then."""
    NOISE = "noise"
    """Steps, keys, traffic: loud, but no speech."""
    VOICES = "voices"
    """Other people near the microphone: speech, of which a recogniser catches a word or two."""


class Needs(Struct, frozen=True, forbid_unknown_fields=True):
    """A moment at which the agent must be told something."""

    passages: tuple[str, ...]
    """Any of them is right."""
    by: int = 1500
    """The latest that its card may come, milliseconds after the line."""
    early: bool = True
    """Whether the words allow a card before the line ends."""


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that a party says, or a sound."""

    party: Party
    say: str = ""
    """Words; ``<700>`` among them is a pause of so many milliseconds inside the turn."""
    sound: Sound | None = None
    lasts: int = 2000
    """Of a sound, milliseconds."""
    after: int = 400
    """Milliseconds from the end of everything said so far; negative where it overlaps."""
    into: int | None = None
    """Milliseconds after a whisper is first heard, in place of `after`: it speaks into it."""
    unless: int = 5000
    """How long such a whisper is waited for; without one the line is left out."""
    rate: int = 150
    """Words per minute."""
    needs: Needs | None = None
    """Must whisper by."""
    silent: bool = False
    """Must stay silent: nothing of this line may bring a card or a whisper."""
    unspoken: bool = False
    """Must stay silent in the ear; a card may come."""
    stops: int | None = None
    """Must stop within: so many ms after it begins, a whisper it speaks into is silent."""
    backchannel: bool = False
    """Must not stop, must not trigger: an acknowledgement."""


class Scene(Struct, frozen=True, forbid_unknown_fields=True):
    """A call."""

    name: str
    shows: str
    """What it is there to show, a sentence."""
    lines: tuple[Line, ...]
    pack: str = "parcel"
    live: bool = False
    """Whether it is also played through real WebRTC and the real ear."""
    loss: int = 0
    """Percent of ticks of which the ear hears next to nothing."""
    jitter: int = 0
    """Ticks by which the recogniser's words are late besides, at most."""
    errors: int = 0
    """Percent of words that are heard as others."""
    swapped: bool = False
    """The two tracks have been taken for each other."""
    consent: bool = True
    voice: bool = True
    """Whether the agent has switched the ear on."""
    echo: int | None = None
    """How loud the agent's microphone hears the earpiece, dB; None: not at all."""
    tail: int = 4000
    """Silence after the last line, milliseconds."""
    group: str = ""
    """Its file."""


def load(folder: Path = SCENES) -> tuple[Scene, ...]:
    """All scenes of a folder's YAML files; raises ConfigError that names file and fault."""
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else [folder]
    found = [scene for file in files for scene in _read(file)]
    if not found:
        raise ConfigError(f"{folder}: no scenes in it; give a YAML file or a folder of them")
    names = [scene.name for scene in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ConfigError(f"{folder}: two scenes are named {', '.join(sorted(twice))}; rename one")
    return tuple(found)


def _read(file: Path) -> Iterator[Scene]:
    try:
        scenes = msgspec.yaml.decode(file.read_bytes(), type=tuple[Scene, ...])
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from None
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not a list of scenes ({error})") from None
    for scene in scenes:
        _check(file, scene)
        yield msgspec.structs.replace(scene, group=file.stem)


def _check(file: Path, scene: Scene) -> None:
    for number, line in enumerate(scene.lines, 1):
        where = f"{file}: {scene.name}, line {number}"
        if bool(line.say) == (line.sound is not None):
            raise ConfigError(f"{where}: give either say or sound")
        if line.stops is not None and line.into is None:
            raise ConfigError(f"{where}: stops = {line.stops} needs into: what is it to stop?")
        if line.needs and (line.silent or line.backchannel):
            raise ConfigError(f"{where}: needs a whisper and must stay silent: choose one")


def changed(scene: Scene, **values: Any) -> Scene:
    """The scene with other conditions, named after them."""
    told = "".join(f", {key} {value}" for key, value in values.items())
    return msgspec.structs.replace(scene, name=f"{scene.name}{told}", **values)


def chosen(scenes: Sequence[Scene], names: Sequence[str]) -> tuple[Scene, ...]:
    """The scenes whose name or group holds one of `names`, all without any."""
    found = tuple(
        scene
        for scene in scenes
        if not names or any(name in scene.name or name == scene.group for name in names)
    )
    if not found:
        raise ConfigError(f"--scene {' '.join(names)}: no such scene; leave it out for all")
    return found
