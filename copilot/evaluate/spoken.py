"""A typed transcript as a call that is heard: who says what, word by word, tick by tick."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date

import msgspec
import numpy as np
from msgspec import Struct

from copilot import __version__
from copilot.audio.frames import MicroTurn
from copilot.core.events import CallStarted, Entry
from copilot.core.policy import Policy
from copilot.core.transcript import Line
from copilot.core.vocabulary import Party, Word
from copilot.errors import UserError
from copilot.evaluate.listen import Notes
from copilot.evaluate.whatif import WORD_TICKS
from copilot.ports import Pinned
from copilot.providers.scripted import Said, Script, ScriptedEar
from copilot.session import Parts, Session

GAP_TICKS = 12
"""Between two turns: about a second."""
TAIL_TICKS = 15
"""After the last turn, beyond what the policy waits for late words."""
MOST_WORDS = 6000
"""Of a typed transcript: about forty minutes of talk."""
_BREATH = 25
"""Ticks after which others of the process get their turn."""

_AGENT = frozenset("agent a rep representative operator advisor adviser support me".split())
_CUSTOMER = frozenset("customer c caller client guest user them".split())
_LINE = re.compile(
    r"\s*(?:[\[(]?\d{1,2}(?::\d\d){1,2}(?:\.\d+)?[\])]?\s*[-–]?\s*)?"  # a time
    r"(?:([^\W\d][\w.'-]{0,30}(?: [\w.'-]{1,30}){0,2})\s*:(?:\s+|$))?(.*)"  # a name
)


class TranscriptError(UserError):
    """A typed transcript that cannot be used."""


class Turn(Struct, frozen=True):
    """What one party says until the other speaks."""

    party: Party
    text: str


class Transcript(Struct, frozen=True):
    """A call as it was typed."""

    turns: tuple[Turn, ...]
    guessed: str = ""
    """The name that was taken for the agent's for want of a better sign; empty: none was."""


def read_transcript(text: str, swap: bool = False) -> Transcript:
    """The turns of typed words; without any speaker each line is the customer's.

    Names that are not known are told apart by order: who speaks first is the agent. `swap` takes
    them the other way round. Raises TranscriptError that names the line.
    """
    words = len(text.split())
    if not words:
        raise TranscriptError("Nothing was typed. Write what the customer says.")
    if words > MOST_WORDS:
        raise TranscriptError(f"{words:,} words are over the limit of {MOST_WORDS:,}; cut it.")
    lines = [(n, *_parted(line)) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len({name.casefold() for _, name, _ in lines if name} - _AGENT - _CUSTOMER) == 1 and not (
        any(name.casefold() in _AGENT | _CUSTOMER for _, name, _ in lines)
    ):  # one name alone is no speaker: "my number is: twelve"
        lines = [(n, "", f"{name}: {said}" if name else said) for n, name, said in lines]
    parties, guessed = _parties([(n, name) for n, name, _ in lines if name])
    turns: list[Turn] = []
    speaker = None
    for _, name, said in lines:
        speaker = parties[name.casefold()] if name else speaker
        party = speaker or Party.CUSTOMER
        if swap and parties:
            party = Party.CUSTOMER if party is Party.AGENT else Party.AGENT
        if not said:
            continue
        if not name and parties and turns and turns[-1].party is party:
            turns[-1] = Turn(party, f"{turns[-1].text} {said}")
        else:
            turns.append(Turn(party, said))
    if not turns:
        raise TranscriptError("No words follow the speakers' names.")
    return Transcript(tuple(turns), guessed)


def transcript_of(lines: Sequence[Line]) -> str:
    """The lines of a call as `read_transcript` takes them; of a long call its beginning."""
    words, written = 0, list[str]()
    for line in lines:
        words += len(line.words) + 1
        if words > MOST_WORDS:
            break
        written.append(f"{line.party.capitalize()}: {line.text}")
    return "\n".join(written)


def script_of(turns: Sequence[Turn]) -> tuple[Script, int]:
    """The turns at the pace of talk, and the tick at which the last is over."""
    said: dict[Party, list[Word]] = {party: [] for party in Party}
    tick = GAP_TICKS
    for turn in turns:
        for text in turn.text.split():
            said[turn.party].append(Word(text, tick, tick + WORD_TICKS))
            tick += WORD_TICKS
        tick += GAP_TICKS
    agent, customer = (Said(tuple(said[party])) for party in (Party.AGENT, Party.CUSTOMER))
    return Script(agent, customer), tick


async def say(
    turns: Sequence[Turn],
    pinned: Pinned,
    policy: Policy,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[Entry, ...]:
    """Run the turns through a session as a call would, search and all; the call's log.

    Nothing is spoken, drafted or kept.
    """
    script, over = script_of(turns)
    silent = msgspec.structs.replace(policy, voice=False, compose=False, rewrite=False)
    day = date.today().isoformat()
    started = CallStarted("try", silent, pinned.refs, __version__, date=day, need=pinned.need)
    ticks = over + policy.final_ticks + policy.end_of_turn_ticks + TAIL_TICKS
    notes = Notes()
    session = Session(started, Parts(ScriptedEar(script), pinned.retriever, notes, notes))
    await session.play(_turns(ticks, progress))
    return tuple(notes.entries)


async def _turns(ticks: int, progress: Callable[[int, int], None]) -> AsyncIterator[MicroTurn]:
    nothing = np.zeros(0, np.float32)
    for tick in range(ticks):
        if tick % _BREATH == 0:
            progress(tick, ticks)
            await asyncio.sleep(0)
        yield MicroTurn(tick, nothing, nothing)
    progress(ticks, ticks)


def _parted(line: str) -> tuple[str, str]:
    """A line's speaker, or nothing, and its words."""
    found = _LINE.fullmatch(line)
    assert found is not None  # any text fits
    return found[1] or "", " ".join(found[2].split())


def _parties(names: Sequence[tuple[int, str]]) -> tuple[dict[str, Party], str]:
    """Who each name is, and the name that was guessed to be the agent's."""
    found: dict[str, Party] = {}
    strangers: dict[str, int] = {}
    for line, name in names:
        known = name.casefold()
        if known in _AGENT:
            found[known] = Party.AGENT
        elif known in _CUSTOMER:
            found[known] = Party.CUSTOMER
        else:
            strangers.setdefault(known, line)
    there = set(found.values())
    if len(strangers) + len(there) > 2:
        known, line = list(strangers.items())[-1]
        raise TranscriptError(
            f"Line {line}: {known.title()!r} is one speaker too many. Begin each line of the two "
            "with Agent: or Customer:"
        )
    free = [party for party in (Party.AGENT, Party.CUSTOMER) if party not in there]
    guessed = ""
    for known, party in zip(strangers, free, strict=False):
        found[known] = party
        if party is Party.AGENT and len(strangers) > 1:
            guessed = next(name for _, name in names if name.casefold() == known)
    return found, guessed
