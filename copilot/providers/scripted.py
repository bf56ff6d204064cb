"""An ear that hears what a script says: timed words per party, for tests and measurements."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.audio.frames import MicroTurn
from copilot.core.events import CallStarted, Heard
from copilot.core.vocabulary import Hearing, Party, Word
from copilot.errors import ConfigError
from copilot.ports import Listener
from copilot.providers.registry import Host
from copilot.providers.registry import options as read_options

_SPEECH = 100
_BRIDGE_TICKS = 2
"""Ticks between two words that are still speech; a longer gap is silence."""


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """What one party says."""

    words: tuple[Word, ...] = ()
    """In order of their ends."""
    sounds: tuple[tuple[int, int], ...] = ()
    """Further speech without words, as ticks ``[start, end)``: a cough, a foreign phrase."""


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """A call as its listener is to hear it."""

    agent: Said = Said()
    customer: Said = Said()
    delay: int = 0
    """Ticks from a word's end until it is final; until then it is the partial."""
    rate: int = 16_000
    """Sample rate that the listener asks for; the sound itself is not looked at."""


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of ``[ear]`` with ``provider = "scripted"``."""

    script: str
    """A JSON or YAML file that holds a `Script`."""


def listener(options: Mapping[str, object], host: Host) -> Listener:
    """A listener for the script at ``script``; raises ConfigError naming the file and the fault."""
    return ScriptedListener(read(Path(read_options("ear", options, Options).script)))


def read(path: Path) -> Script:
    """The script in a JSON or YAML file; raises ConfigError naming the file and the fault."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"[ear] script = '{path}': {error.strerror}") from None
    try:
        script = (
            msgspec.json.decode(data, type=Script)
            if path.suffix == ".json"
            else msgspec.yaml.decode(data, type=Script)
        )
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path}: not a script of timed words ({error})") from None
    for party in Party:
        _check(path, party, _said(script, party).words)
    return script


class ScriptedListener:
    """Opens any number of ears on one script."""

    def __init__(self, script: Script) -> None:
        self._script = script

    @property
    def rate(self) -> int:
        return self._script.rate

    async def open(self, call: CallStarted) -> "ScriptedEar":
        return ScriptedEar(self._script)

    async def close(self) -> None:
        """Nothing to give back."""


class ScriptedEar:
    """Hears the script at the ticks of its micro-turns, whatever the sound."""

    def __init__(self, script: Script) -> None:
        self._voices = {party: _Voice(_said(script, party), script.delay) for party in Party}

    async def hear(self, turn: MicroTurn) -> Heard:
        agent, customer = (self._voices[party].hear(turn.tick) for party in Party)
        return Heard(turn.tick, agent, customer)

    async def close(self) -> None:
        """Nothing to give back."""


class _Voice:
    """One party of the script, and how many of its words are final already."""

    def __init__(self, said: Said, delay: int) -> None:
        self._words = said.words
        self._delay = delay
        self._speech = _speech(said)
        self._final = 0

    def hear(self, tick: int) -> Hearing:
        """A word is final `delay` ticks after its end; those of skipped ticks come later."""
        first = self._final
        while (
            self._final < len(self._words)
            and self._words[self._final].end + self._delay <= tick + 1
        ):
            self._final += 1
        begun = [word.text for word in self._words[self._final :] if word.start <= tick]
        return Hearing(
            speech=_SPEECH if tick in self._speech else 0,
            words=self._words[first : self._final],
            partial=" ".join(begun),
        )


def _speech(said: Said) -> frozenset[int]:
    """Ticks with speech: those of words and sounds, and short gaps between words."""
    ticks: set[int] = set()
    end: int | None = None
    for word in said.words:
        near = end is not None and 0 <= word.start - end <= _BRIDGE_TICKS
        ticks.update(range(end if near and end is not None else word.start, word.end))
        end = word.end
    for start, stop in said.sounds:
        ticks.update(range(start, stop))
    return frozenset(ticks)


def _said(script: Script, party: Party) -> Said:
    return script.agent if party is Party.AGENT else script.customer


def _check(path: Path, party: Party, words: tuple[Word, ...]) -> None:
    before = 0
    for number, word in enumerate(words, 1):
        where = f"{path}: {party.value}.words, word {number} ({word.text!r})"
        if word.start < 0 or word.end <= word.start:
            raise ConfigError(
                f"{where}: end {word.end} must be after start {word.start}, from 0 on"
            )
        if word.end < before:
            raise ConfigError(
                f"{where}: ends at {word.end}, before the word before it; sort by end"
            )
        before = word.end
