"""The public sources of the trained models, each brought to the form that the fits take."""

import gzip
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from copilot.core.vocabulary import Party, Passage, TurnText
from copilot.errors import DataError
from copilot.evaluate.background import Talk, read_talks, windows
from copilot.evaluate.moments import Corpus, Moment, as_pack, read_lines
from copilot.evaluate.noise import misheard
from copilot.retrieval.packs import Pack

T = TypeVar("T")

SEED = 5
OTHER_TRADES, SAMPLE = "clinc150", "sample packs"
LINES, MISHEARD = 4000, 2000
"""Lines of each kind for the detector of questions, and how many of them again as misheard."""
WORD_ERRORS = 0.15
CALLERS = 4000
"""Lines of callers to a bank and an insurance."""
WINDOW, WINDOWS = 24, 3000
"""Words of a line of background talk, and how many lines."""
EXAMPLES, QUESTIONS = 3, 8
"""Of an intent: examples that make its passage, and questions asked of it."""


ASKED, SAID = "asked", "said"
"""How ids begin of the sample packs' moments: lines that ask for something, small talk."""


Pair = tuple[str, str]
"""The agent's line before, empty where there is none, and the customer's; a text and its intent."""


class Lines(Struct, frozen=True):
    """Lines that ask for something, and that do not."""

    asking: tuple[str, ...]
    idle: tuple[str, ...]


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """What customers say in calls; written for this project."""

    asked: dict[str, list[Pair]]
    """Of the sample packs, by the id of the passage that answers."""
    asking: list[Pair]
    """Of other trades: it asks for something, or plainly needs it."""
    idle: list[Pair]
    """Of other trades: it needs nothing."""

    @property
    def lines(self) -> Lines:
        """Those of other trades, and once more as misheard."""
        dice = random.Random(SEED)
        asking = [line for _, line in self.asking]
        idle = [line for _, line in self.idle]
        return Lines(
            (*asking, *_misheard(asking, dice)),
            (*idle, *_misheard(idle, dice)),
        )


class _Utterance(Struct):
    text: str


class _Wanted(Struct):
    utterance: str


class _Clinc(Struct):
    train: list[Pair]


class _Ref(Struct):
    domain: str
    entity_id: int | str
    doc_id: int | str


class _Snippet(Struct):
    kind: str
    text: str
    knowledge: list[_Ref]


class _Event(Struct):
    who: str
    do: str
    text: str = ""
    label: str = ""


class _Dialogue(Struct):
    events: list[_Event]


def answers(moment: Moment) -> bool:
    """Whether any of the right passages is an answer; guest reviews are opinions."""
    return any("/review-" not in passage for passage in moment.gold)


def lines(data: Path) -> Lines:
    """Questions that want knowledge, and answers to an agent's questions, which want none.

    The questions are of DSTC9's training set, and of callers to a bank and an insurance.
    """
    dice = random.Random(SEED)
    folder = data / "dstc9_train_knowledge_seeking"
    asked = {one.text for one in read_lines(folder / "utterances.jsonl.gz", _Utterance)}
    asking = _drawn(sorted(asked), LINES, dice)
    idle = _drawn(sorted(set(_answers(data / "star" / "dialogues.jsonl.gz"))), LINES, dice)
    asking += _misheard(asking[:MISHEARD], dice)
    idle += _misheard(idle[:MISHEARD], dice)
    return Lines((*asking, *_drawn(_callers(data), CALLERS, dice)), tuple(idle))


def _callers(data: Path) -> list[str]:
    """What callers want of an insurance (NatCS), and customers of a bank (BANKING77)."""
    folder = data / "natcs"
    wanted = {
        one.utterance
        for name in ("insurance_intent_turns", "development_test_utterances")
        for one in read_lines(folder / f"{name}.jsonl.gz", _Wanted)
    }
    wanted |= {text for text, _ in _labelled(data / "banking77" / "train.json.gz", list[Pair])}
    return sorted(wanted)


def _misheard(lines: Sequence[str], dice: random.Random) -> list[str]:
    return [misheard(line, WORD_ERRORS, dice) for line in lines]


def answered(data: Path, passages: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Questions of DSTC9's training set with the place of the passage that answers each."""
    place = {passage: n for n, passage in enumerate(passages)}
    found = [
        (item.text, place[passage])
        for item in read_lines(
            data / "dstc9_train_knowledge_seeking" / "with_snippet.jsonl.gz", _Snippet
        )
        if item.kind == "last"
        for passage in (f"{one.domain}/{one.entity_id}/{one.doc_id}" for one in item.knowledge)
        if passage in place
    ]
    return [text for text, _ in found], np.array([row for _, row in found], np.int64)


def background(data: Path, base: str) -> Corpus:
    """Lines of every other call of earnings21, to be looked up in the knowledge of `base`."""
    dice = random.Random(SEED)
    cut = [line for talk in training_talks(data) for line in windows(talk, WINDOW)]
    chosen = _drawn(cut, WINDOWS, dice)
    moments = [
        Moment(f"background-{n}", (TurnText(Party.CUSTOMER, line),), False)
        for n, line in enumerate(chosen)
    ]
    return Corpus(base, (), tuple(moments), "")


def training_talks(data: Path) -> list[Talk]:
    """Every other call of earnings21; the rest is for measuring."""
    return read_talks(data / "earnings21")[::2]


def other_trades(data: Path) -> tuple[Pack, tuple[Moment, ...]]:
    """A pack of every other intent of CLINC150, a passage an intent, and questions of all."""
    rows = _labelled(data / "clinc150" / "train_val.json.gz", _Clinc).train
    by_intent: dict[str, list[str]] = {}
    for text, intent in rows:
        by_intent.setdefault(intent, []).append(text)
    passages, moments = [], []
    for number, (intent, texts) in enumerate(sorted(by_intent.items())):
        known = number % 2 == 0
        passage = f"{OTHER_TRADES}/{intent}"
        if known:
            title, text, say = texts[:EXAMPLES]
            passages.append(Passage(passage, title, text, say, 0))
        for n, question in enumerate(texts[EXAMPLES : EXAMPLES + QUESTIONS]):
            turn = (TurnText(Party.CUSTOMER, question),)
            moments.append(Moment(f"{intent}-{n}", turn, known, (passage,) if known else ()))
    return as_pack(OTHER_TRADES, passages), tuple(moments)


def _labelled(file: Path, kind: type[T]) -> T:
    """A zipped JSON file of texts and their intents."""
    try:
        return msgspec.json.decode(gzip.decompress(file.read_bytes()), type=kind)
    except (OSError, EOFError, msgspec.DecodeError) as error:
        raise DataError(f"{file}: not usable ({error})") from None


class Spoken(Struct, frozen=True):
    """Lines as callers of the sample packs say them; written for this project."""

    plain: dict[str, str]
    """Passage id to a question that it answers, asked in few words; no part in the fit."""
    asked: dict[str, str]
    """The same for every passage, asked as a rambling caller does."""
    near: dict[str, list[str]]
    """By pack: the right trade, but no answer."""
    small_talk: list[str]
    off_topic: list[str]


def read_spoken() -> Spoken:
    """The lines that come with the package."""
    file = Path(__file__).with_name("spoken.yaml")
    return msgspec.yaml.decode(file.read_bytes(), type=Spoken)


def read_said() -> Said:
    """What customers say in calls, as it comes with the package."""
    return msgspec.yaml.decode(Path(__file__).with_name("said.yaml").read_bytes(), type=Said)


def sample(packs: Sequence[Pack]) -> Corpus:
    """The sample packs and the questions that callers ask of them, and what they say besides."""
    spoken, said = read_spoken(), read_said()
    known = {passage.id for pack in packs for passage in pack.passages}
    rows = [(ASKED, "", line, p) for p, line in spoken.asked.items() if p in known]
    rows += [(ASKED, *pair, p) for p, pairs in said.asked.items() for pair in pairs if p in known]
    near = [line for lines in spoken.near.values() for line in lines]
    rows += [(ASKED, "", line, "") for line in (*near, *spoken.off_topic)]
    rows += [(ASKED, *pair, "") for pair in said.asking]
    rows += [(SAID, "", line, "") for line in spoken.small_talk]
    rows += [(SAID, *pair, "") for pair in said.idle]
    moments = [
        Moment(
            f"{kind}-{n}",
            (*((TurnText(Party.AGENT, agent),) if agent else ()), TurnText(Party.CUSTOMER, line)),
            bool(passage),
            (passage,) if passage else (),
        )
        for n, (kind, agent, line, passage) in enumerate(rows)
    ]
    return Corpus(SAMPLE, tuple(packs), tuple(moments), "")


def _drawn(rows: Sequence[T], count: int, dice: random.Random) -> list[T]:
    """So many of the rows, or all where there are fewer."""
    return dice.sample(rows, min(count, len(rows)))


def digests(data: Path) -> dict[str, str]:
    """SHA-256 of each file that the models were trained from."""
    used = [
        *(data / "turns").glob("dstc*_val/*.gz"),
        *(data / "dstc9_train_knowledge_seeking").glob("*.gz"),
        *(data / "natcs").glob("*.gz"),
        data / "banking77" / "train.json.gz",
        data / "star" / "dialogues.jsonl.gz",
        data / "clinc150" / "train_val.json.gz",
        *sorted((data / "earnings21").glob("*.json.gz"))[::2],
    ]
    return {
        file.relative_to(data).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(used)
    }


def _answers(file: Path) -> list[str]:
    """What customers say to an agent's question, where it is no question in turn."""
    return [
        other.text
        for dialogue in read_lines(file, _Dialogue)
        for one, other in zip(dialogue.events, dialogue.events[1:], strict=False)
        if one.do == "say_script" and "ask" in one.label
        if other.who == "customer" and other.do == "say" and other.text and "?" not in other.text
    ]
