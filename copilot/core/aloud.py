"""A card's line in words for the ear: a phrase of eight words at most, and a cue of three."""

from itertools import takewhile

from msgspec import Struct

from copilot.core.words import content, pivots, tokens

PHRASE, CUE = 8, 3
"""Words, as they are written."""
_ENDS = ",;:.!?–—"
_OPENERS = frozenset("and but or until if when which that who while so then".split())
"""Words that begin a clause."""
_LEADING = _OPENERS - {"until", "if"} | frozenset(
    "yes no well please sorry am we you i it they is are was can will the a an there our your my "
    "to only just every all here thank for telling us".split()
)
"""Words at the beginning that only lead to the point."""
_TRAILING = frozenset(
    "a an the in on at of to for from with by and or but is are was be all any every our your its "
    "which that who if after before".split()
)
_JOINS = frozenset("to and until point past".split())
"""Words between two numbers that make one of them."""
_DENIALS = frozenset("no not never cannot nothing without only".split())
_MONEY = frozenset("pound pounds penny pence euro euros dollar dollars cent cents".split())
_UNITS = _MONEY | frozenset(
    "percent % second seconds minute "
    "minutes hour hours day days night nights week weeks month months year years metre metres "
    "centimetres kilogram kilograms kilometres mile miles degrees points o'clock morning afternoon "
    "evening am pm".split()
)
_BEFORE = frozenset("costs cost for from within in at until by to is are about after".split())
_MORE = frozenset("more less extra off each".split())
"""Words after a sum without which it is another one."""
_WEIGHT = 3
"""What a number or a denial counts against a new word."""


class Spoken(Struct, frozen=True):
    """One way to say a line in the ear."""

    text: str
    worth: int
    """How much of the line's help it gives, percent."""


def aloud(line: str, query: str) -> tuple[Spoken, ...]:
    """The phrase and the cue, the longer first; none where nothing fits: then the card is all.

    Every word is the line's own, in its order.
    """
    clauses, asked = _clauses(line.split()), frozenset(content(query))
    found: list[Spoken] = []
    if not clauses:
        return ()
    for words in (_phrase(clauses, asked), _cue(clauses, asked)):
        text = " ".join(words).strip(_ENDS + " \"'")
        told = any(content(word) and _bare(word) not in _LEADING for word in words)
        if told and all(len(words) < len(one.text.split()) for one in found):
            found.append(Spoken(text, _worth(words)))
    return tuple(found)


def _worth(words: list[str]) -> int:
    """A cue without a number or a denial reminds, but tells little."""
    if len(words) > CUE:
        return 100
    return 60 if pivots(" ".join(words)) else 35


def _clauses(words: list[str]) -> list[list[str]]:
    """Cut after a sign and before a word that begins a clause, never inside of a number."""
    found: list[list[str]] = [[]]
    for place, word in enumerate(words):
        inside = 0 < place < len(words) - 1 and _is_figure(words[place + 1])
        joins = inside and _bare(word) in _JOINS and _is_figure(words[place - 1])
        if found[-1] and _bare(word) in _OPENERS and not joins:
            found.append([])
        found[-1].append(word)
        if word[-1] in _ENDS:
            found.append([])
    return [clause for clause in found if clause]


def _phrase(clauses: list[list[str]], asked: frozenset[str]) -> list[str]:
    """The clauses in a row that say most of what was not asked, as many as fit."""
    spans = [
        _trimmed([word for clause in clauses[first : last + 1] for word in clause])
        for first in range(len(clauses))
        for last in range(first, len(clauses))
    ]
    fitting = [span for span in spans if len(span) <= PHRASE and _news(span, asked) > 1]
    if not fitting:
        return _window(clauses)
    return max(fitting, key=lambda span: (_news(span, asked), -len(span)))


def _window(clauses: list[list[str]]) -> list[str]:
    """Eight words of one clause: up to the number that matters, or from its beginning."""
    numbers = [(_rank(c, *span), c, span) for c in clauses for span in _figures(c)]
    if not numbers:
        return _trimmed(max(clauses, key=len)[:PHRASE])
    (rank, _), clause, (_, last) = max(numbers, key=lambda one: one[0])
    if rank < 2:
        return _trimmed(clause[:PHRASE])
    end = next(n for n in range(last + 1, len(clause)) if _bare(clause[n]) in _UNITS) + 1
    while end < len(clause) and (_is_figure(clause[end]) or _bare(clause[end]) in _MORE):
        end += 1
    taken = _trimmed(clause[max(0, end - PHRASE) : end])
    return taken if _denies(taken) == _denies(clause) else []


def _cue(clauses: list[list[str]], asked: frozenset[str]) -> list[str]:
    """The number that matters with what it counts, else what is denied, else the newest words."""
    numbers = [
        (_rank(c, *span), c, span) for c in clauses if not _denies(c) for span in _figures(c)
    ]
    if numbers:
        _, clause, (first, last) = max(numbers, key=lambda one: one[0])
        return _counted(clause, first, last)
    for clause in clauses:
        for place, word in enumerate(clause):
            if _bare(word) in _DENIALS:
                return _trimmed(clause[place : place + CUE])
    runs = [clause[n : n + CUE] for clause in clauses for n in range(max(1, len(clause) - CUE + 1))]
    return _trimmed(max(runs, key=lambda run: _news(run, asked)))


def _figures(clause: list[str]) -> list[tuple[int, int]]:
    """Where the clause's numbers are, from the first word to the last."""
    spans: list[tuple[int, int]] = []
    for place, word in enumerate(clause):
        if not _is_figure(word):
            continue
        near = spans and place - spans[-1][1]
        if near == 1 or (near == 2 and _bare(clause[place - 1]) in _JOINS):
            spans[-1] = (spans[-1][0], place)
        else:
            spans.append((place, place))
    return spans


def _rank(clause: list[str], first: int, last: int) -> tuple[int, int]:
    """How much the number looks like what was wanted: it counts something, it is the object."""
    after = [_bare(word) for word in clause[last + 1 : last + 4]]
    named = list(takewhile(lambda word: not _is_figure(word), after))
    units = any(word in _UNITS for word in named)
    money = any(word in _MONEY for word in named)
    led = first > 0 and _bare(clause[first - 1]) in _BEFORE
    alone = first == last and _bare(clause[first]) == "one" and not units
    return 2 * units + money + led - 2 * alone, -first


def _counted(clause: list[str], first: int, last: int) -> list[str]:
    """The number and what it counts; nothing where it is too long to be cut."""
    taken = clause[first : last + 1]
    counts = False
    for word in clause[last + 1 :]:
        goes_on = _is_figure(word) or _bare(word) in _MORE
        if counts and not goes_on:
            break
        if not content(word) and not goes_on:
            if len(taken) > last - first + 1:
                break
            continue
        if len(taken) == CUE and not goes_on:
            break
        taken.append(word)
        counts = counts or _bare(word) in _UNITS
    return taken if len(taken) <= CUE else []


def _trimmed(words: list[str]) -> list[str]:
    """Without what leads to the point and what leads on from it, unless it denies."""
    while len(words) > 1 and _bare(words[0]) in _LEADING - _DENIALS:
        words = words[1:]
    while len(words) > 1 and _bare(words[-1]) in _TRAILING and words[-1][-1] not in _ENDS:
        words = words[:-1]
    return words


def _news(words: list[str], asked: frozenset[str]) -> int:
    text = " ".join(words)
    return len(set(content(text)) - asked) + _WEIGHT * len(pivots(text))


def _is_figure(word: str) -> bool:
    return any(character.isdigit() for character in word) or bool(pivots(word) - {"not"})


def _denies(words: list[str]) -> bool:
    return "not" in pivots(" ".join(words))


def _bare(word: str) -> str:
    return "".join(tokens(word)[:1])
