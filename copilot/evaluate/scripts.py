"""STAR's dialogues: agents who are shown script lines and take one, or write their own words.

``dialogues.jsonl.gz`` has events a dialogue; ``scripts.json.gz`` has lines by task and label. What
an agent typed to be shown lines (``draft``) and which were shown (``offered``) are never read: in a
call there is neither.
"""

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.errors import DataError

NOTHING_FOUND = "nothing found"
_SLOT = re.compile(r"\{(\w+?)(?::\w+)?\}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")

Scripts = Mapping[str, Mapping[str, str]]
"""Task to label to line, in the order of the script."""


class Event(Struct, frozen=True):
    """One thing that happened, as the file has it."""

    do: str
    text: str = ""
    label: str = ""
    api: str = ""
    item: dict[str, object] | None = None
    """What a lookup gave; None: nothing."""
    s: int = 0
    """Seconds since the dialogue began."""


class Dialogue(Struct, frozen=True):
    """One dialogue, as the file has it."""

    id: int
    domains: tuple[str, ...]
    tasks: tuple[str, ...]
    events: tuple[Event, ...]

    @property
    def trades(self) -> tuple[str, ...]:
        """Its domains; a few dialogues leave them out, and their tasks tell."""
        return self.domains or tuple({task.partition("_")[0]: None for task in self.tasks})


class Line(Struct, frozen=True):
    """A script line that an agent may take."""

    label: str
    text: str
    """Its slots by their names: ``Your driver will be driver name.``"""
    task: str
    place: int
    """In the task's script, from 0."""
    last: int
    """The place of the script's last line."""
    slots: bool
    """Whether there are values to fill in."""

    @property
    def asks(self) -> bool:
        return self.text.rstrip().endswith("?")


class Moment(Struct, frozen=True):
    """What was known when the agent spoke, and what the agent did."""

    dialogue: int
    trades: tuple[str, ...]
    lines: tuple[Line, ...]
    customer: tuple[str, ...]
    """All the customer said so far."""
    agent: str
    """The agent's last words."""
    found: str
    """What the last lookup gave, in words; empty where the customer has spoken since."""
    fields: int
    """How many fields it gave."""
    messages: bool
    """Whether it gave a message."""
    apis: tuple[str, ...]
    """Lookups so far."""
    taken: tuple[int, ...]
    """Rows of `lines` taken so far, oldest first."""
    wrote: tuple[bool, ...]
    """Of each time the agent spoke so far: in own words."""
    heard_s: int
    """When the customer last spoke, from the dialogue's first event on."""
    replies_s: tuple[int, ...]
    """How long the customer took for each answer."""
    own: bool
    """The agent then spoke in own words."""
    right: tuple[int, ...]
    """Rows of the line that the agent then took; none where it was not of the dialogue's tasks."""


def read_star(folder: Path) -> tuple[Moment, ...]:
    """Every time an agent spoke; raises DataError for a folder of another layout."""
    scripts = _decode(folder / "scripts.json.gz", dict[str, dict[str, str]])
    file = folder / "dialogues.jsonl.gz"
    moments: list[Moment] = []
    for number, row in enumerate(_unzip(file).splitlines(), 1):
        try:
            moments += _moments(msgspec.json.decode(row, type=Dialogue), scripts)
        except msgspec.DecodeError as error:
            raise DataError(f"{file}:{number}: is no dialogue ({error})") from None
    if not moments:
        raise DataError(f"{file}: in no dialogue an agent speaks with the lines of {folder.name}")
    return tuple(moments)


def lines_of(tasks: Sequence[str], scripts: Scripts) -> tuple[Line, ...]:
    """The lines of some tasks, each text once."""
    found: dict[str, Line] = {}
    for task in tasks:
        script = scripts.get(task, {})
        for place, (label, raw) in enumerate(script.items()):
            text = _SLOT.sub(lambda slot: slot[1].replace("_", " "), raw)
            line = Line(label, text, task, place, max(1, len(script) - 1), "{" in raw)
            found.setdefault(text, line)
    return tuple(found.values())


def in_words(item: Mapping[str, object] | None) -> str:
    """What a lookup gave: its message, else the names of its fields, which are few over all."""
    if item is None:
        return NOTHING_FOUND
    if item.get("Message"):
        return str(item["Message"])
    fields = ", ".join(name for name in item if name not in ("APIName", "id"))
    words = _HUMP.sub(" ", f"{item.get('APIName', '')}: {fields}".replace("_", " "))
    return words.lower()


def _moments(dialogue: Dialogue, scripts: Scripts) -> Iterator[Moment]:
    lines = lines_of(dialogue.tasks, scripts)
    if not lines:
        return
    said = Moment(
        dialogue.id, dialogue.trades, lines, (), "", "", 0, False, (), (), (), 0, (), False, ()
    )
    began = next((event.s for event in dialogue.events), 0)
    spoke = 0
    replace = msgspec.structs.replace
    for event in dialogue.events:
        match event.do:
            case "say":
                replies = (*said.replies_s, event.s - spoke) if said.wrote else said.replies_s
                said = replace(
                    said,
                    customer=(*said.customer, event.text),
                    found="",
                    heard_s=event.s - began,
                    replies_s=replies,
                )
            case "lookup":
                said = replace(said, apis=(*said.apis, event.api))
            case "result":
                item = event.item or {}
                given = {"fields": len(item), "messages": "Message" in item}
                said = replace(said, found=in_words(event.item), **given)
            case "say_script" | "say_own":
                own = event.do == "say_own"
                right = () if own else _rows(event.label, lines, said.apis)
                yield replace(said, own=own, right=right)
                words = lines[right[0]].text if right else event.text
                taken = (*said.taken, *right[:1])
                said = replace(said, agent=words, taken=taken, wrote=(*said.wrote, own))
                spoke = event.s


def _rows(label: str, lines: Sequence[Line], apis: Sequence[str]) -> tuple[int, ...]:
    """The rows of a label, first the one of the task that was last looked up."""
    rows = [row for row, line in enumerate(lines) if line.label == label]
    task = apis[-1] if apis else ""
    return tuple(sorted(rows, key=lambda row: lines[row].task != task))


def _unzip(file: Path) -> bytes:
    try:
        return gzip.decompress(file.read_bytes())
    except FileNotFoundError:
        raise DataError(
            f"{file}: is missing; copilot evaluate star needs dialogues.jsonl.gz, scripts.json.gz"
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: cannot be read ({error})") from None


def _decode(file: Path, kind: type[dict[str, dict[str, str]]]) -> dict[str, dict[str, str]]:
    try:
        return msgspec.json.decode(_unzip(file), type=kind)
    except msgspec.DecodeError as error:
        raise DataError(f"{file}: holds no lines by task and label ({error})") from None
