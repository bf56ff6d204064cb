"""A recorded call played through the copilot faster than real time: what it would have done."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from pathlib import Path
from time import perf_counter

import msgspec
import numpy as np
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from copilot import __version__
from copilot.audio import wav
from copilot.audio.frames import MicroTurn, Pcm, frame_samples, micro_turns
from copilot.core.events import CallStarted, Effect, Entry, Heard, ShowCard, WithdrawCard, Withheld
from copilot.core.policy import Policy
from copilot.core.transcript import Line, Transcript, hear
from copilot.core.vocabulary import TICKS_PER_SECOND, Party, Silence
from copilot.errors import AudioError
from copilot.evaluate.metrics import word_errors
from copilot.ports import Listener, Pinned
from copilot.session import Parts, Session

Progress = Callable[[str, int, int], None]

SOUNDS = (".wav", ".flac", ".ogg", ".aiff")
TAIL = 25
"""Ticks of silence after a recording, so that its last words become final and are decided on."""


class Recorded(Struct, frozen=True):
    """Both parties' sound."""

    name: str
    agent: Pcm | None
    """None: the recording has the customer only, or both mixed on one channel."""
    customer: Pcm
    rate: int
    reference: str = ""
    """What was said, where a manifest beside the recording knows it."""

    @property
    def seconds(self) -> float:
        return len(self.customer) / self.rate


class Result(Struct, frozen=True):
    """What came of it."""

    call: Recorded
    entries: tuple[Entry, ...]
    took: float
    """Seconds."""

    def effects(self, kind: type[Effect]) -> list[tuple[float, Effect]]:
        """Effects of a kind with the second of the call at which they happened."""
        return [
            (entry.tick / TICKS_PER_SECOND, entry.event)
            for entry in self.entries
            if isinstance(entry.event, kind)
        ]

    def lines(self) -> tuple[Line, ...]:
        return lines_of(self.entries)

    def word_error_rate(self) -> float | None:
        """Of all that was heard, against the manifest's words; None where there are none."""
        if not self.call.reference:
            return None
        heard = " ".join(line.text for line in self.lines())
        return word_errors(self.call.reference, heard).rate

    def silences(self) -> Counter[Silence]:
        return Counter(
            effect.reason for _, effect in self.effects(Withheld) if isinstance(effect, Withheld)
        )

    def figures(self) -> dict[str, object]:
        rate = self.word_error_rate()
        return {
            "recording": self.call.name,
            "seconds": round(self.call.seconds, 2),
            "times_real_time": round(self.call.seconds / self.took, 2),
            "word_error_rate": None if rate is None else round(rate, 3),
            "transcript": [
                {"party": line.party, "second": line.start / TICKS_PER_SECOND, "text": line.text}
                for line in self.lines()
            ],
            "cards": [
                {"second": at, "title": card.title, "support": card.support, "query": card.query}
                for at, card in self.effects(ShowCard)
                if isinstance(card, ShowCard)
            ],
            "silences": dict(self.silences()),
        }


def lines_of(entries: Sequence[Entry]) -> tuple[Line, ...]:
    """What was said, in the order of its beginnings."""
    transcript, lines = Transcript(), dict[tuple[Party, int], Line]()
    for entry in entries:
        if isinstance(entry.event, Heard):
            transcript = hear(transcript, entry.event.agent, entry.event.customer)
            lines.update({(line.party, line.start): line for line in transcript.lines})
    return tuple(sorted(lines.values(), key=lambda line: line.start))


def recordings(first: Path, second: Path | None = None) -> list[tuple[Path, Path | None]]:
    """The calls that are meant: one of one or two files, or each sound file of a folder."""
    if not first.is_dir():
        return [(first, second)]
    if second is not None:
        raise AudioError(f"{first}: a folder; give it alone, or one file for each party")
    found = sorted(path for path in first.iterdir() if path.suffix.lower() in SOUNDS)
    if not found:
        raise AudioError(f"{first}: no sound file in it ({', '.join(SOUNDS)})")
    return [(path, None) for path in found]


def recorded(first: Path, second: Path | None = None, longest: int = wav.LONGEST) -> Recorded:
    """The recording of a call, as two files or one; raises AudioError."""
    one = wav.read(first, longest)
    if second is None:
        agent, customer = (None, *one.channels) if len(one.channels) == 1 else one.channels
        return Recorded(first.name, agent, customer, one.rate, _reference(first))
    two = wav.read(second)
    for path, recording in ((first, one), (second, two)):
        if len(recording.channels) > 1:
            raise AudioError(f"{path}: has two channels already; give it alone, or a mono file")
    rate = max(one.rate, two.rate)
    agent, customer = (wav.resample(r.channels[0], r.rate, rate) for r in (one, two))
    length = max(len(agent), len(customer))
    agent, customer = (np.pad(pcm, (0, length - len(pcm))) for pcm in (agent, customer))
    return Recorded(f"{first.name} + {second.name}", agent, customer, rate)


async def play(
    call: Recorded,
    listener: Listener,
    pinned: Pinned,
    policy: Policy,
    progress: Progress,
) -> Result:
    """Each micro-turn is heard and acted on before the next; nothing is spoken or drafted."""
    silent = msgspec.structs.replace(policy, voice=False, compose=False, rewrite=False)
    started = CallStarted(
        call.name,
        silent,
        pinned.refs,
        __version__,
        date=date.today().isoformat(),
        need=pinned.need,
    )
    notes = Notes()
    since = perf_counter()
    ear = await listener.open(started)
    session = Session(started, Parts(ear, pinned.retriever, notes, notes))
    await session.play(_turns(call, listener.rate, progress))
    return Result(call, tuple(notes.entries), perf_counter() - since)


def picture(result: Result) -> RenderableType:
    """The call for a terminal: words, cards and silences in the order of time."""
    rows: list[tuple[float, Text]] = []
    for line in result.lines():
        style = "cyan" if line.party is Party.AGENT else "green"
        rows.append((line.start / TICKS_PER_SECOND, Text(f"{line.party:>8}  {line.text}", style)))
    for kind in (ShowCard, WithdrawCard, Withheld):
        rows += [(at, _effect(effect)) for at, effect in result.effects(kind)]
    table = Table.grid(padding=(0, 2))
    for at, text in sorted(rows, key=lambda row: row[0]):
        table.add_row(Text(f"{int(at) // 60}:{at % 60:04.1f}", "dim"), text)
    return Group(Text(result.call.name, "bold"), table, _summary(result))


class Notes:
    """A log and outlet in memory."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def append(self, call_id: str, entries: Sequence[Entry]) -> None:
        self.entries += entries

    async def follow(self, call_id: str, after: int = -1) -> AsyncIterator[Entry]:
        for entry in self.entries[after + 1 :]:
            yield entry

    def deliver(self, effect: Effect) -> None:
        """What is delivered is in the log."""


async def _turns(call: Recorded, rate: int, progress: Progress) -> AsyncIterator[MicroTurn]:
    customer = wav.resample(call.customer, call.rate, rate)
    tail = np.zeros(TAIL * frame_samples(rate), np.float32)
    agent = tail[:0] if call.agent is None else wav.resample(call.agent, call.rate, rate)
    turns = list(micro_turns(agent, np.concatenate((customer, tail)), rate))
    for turn in turns:
        yield turn
        progress("listening", turn.tick + 1, len(turns))


def _effect(effect: Effect) -> Text:
    match effect:
        case ShowCard():
            text = f"    card  {effect.text}  [{effect.cites[0]}, {effect.support} %]"
            return Text(text, "bold yellow")
        case Withheld():
            return Text(f"  silent  {effect.reason.replace('_', ' ')}: {effect.query}", "dim")
        case WithdrawCard():
            return Text(f"    card  withdrawn: {effect.reason}", "yellow")
    raise AssertionError(effect)


def _summary(result: Result) -> Text:
    rate = result.word_error_rate()
    errors = "no transcript to compare with" if rate is None else f"word error rate {rate:.0%}"
    silences = ", ".join(f"{reason} {n}" for reason, n in result.silences().most_common())
    cards = len(result.effects(ShowCard))
    return Text(
        f"{result.call.seconds:.0f} s at {result.call.seconds / result.took:.1f} x real time · "
        f"{errors} · {cards} cards · silences: {silences or 'none'}"
    )


class _Said(Struct, frozen=True):
    text: str


class _Row(Struct, frozen=True):
    """A recording in a manifest; what else the manifest says is not needed."""

    text: str | None = None
    turns: tuple[_Said, ...] | None = None


def _reference(path: Path) -> str:
    """The words that ``manifest.json`` beside the recording has for it; raises AudioError."""
    manifest = path.parent / "manifest.json"
    if not manifest.is_file():
        return ""
    try:
        rows = msgspec.json.decode(manifest.read_bytes())
        for row in rows if isinstance(rows, list) else []:
            if isinstance(row, dict) and row.get("file") == path.name:
                found = msgspec.convert(row, _Row)
                return found.text or " ".join(turn.text for turn in found.turns or ())
    except OSError as error:
        raise AudioError(f"{manifest}: cannot be read ({error.strerror})") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AudioError(
            f"{manifest}: what it says of {path.name} is not usable ({error}); mend or remove it"
        ) from None
    return ""
