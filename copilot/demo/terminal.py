"""A call as a person at a terminal sees it: a live picture, or plain lines where there is none."""

from collections import deque
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from copilot.core.events import Entry
from copilot.core.vocabulary import TICK_MS, Party
from copilot.demo.view import (
    Began,
    Gone,
    Happening,
    Mishap,
    Over,
    Said,
    Shown,
    Stayed,
    Timed,
    View,
)
from copilot.web.phrases import FAILURES, PARTIES, SILENCES, clock, ending, withdrawal

_STYLES = {Party.AGENT: "cyan", Party.CUSTOMER: "yellow"}
_CARD_STYLE = "green"
_QUIET_STYLE = "magenta"
_SILENCES = 3
"""Silences shown at once in the live picture."""
_OTHER_ROWS = 9
"""Rows of the live picture beside transcript and cards: title, silences, status."""
_CARD_ROWS = 7
"""Rows of a card whose line is as long as a spoken line may be, at 80 columns."""
_TALL = 36
"""Rows from which a window has room for two cards."""
_FEWEST_ROWS = 4
_MARGIN = 16
"""Columns of the transcript before the words."""
_LINE_ROWS = 2
"""Rows of one line of transcript; of a longer one the end is shown."""


class Terminal:
    """Shows one call on `console`: live where that is a terminal, else a line an event."""

    def __init__(self, console: Console, url: str, title: str = "Live call") -> None:
        self._console = console
        self._url = url
        self._title = title
        self._view = View()
        self._position_ms: int | None = None
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> "Terminal":
        if self._live is not None:
            self._live.start()
        else:
            self._console.print(f"{self._title}; live page: {self._url}", highlight=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self.refresh()
            self._live.stop()

    def feed(self, entry: Entry) -> None:
        """Take one entry in; plain lines are printed now, the live picture at the next refresh."""
        for happening in self._view.feed(entry):
            if self._live is None:
                for line in plain(happening):
                    self._console.print(line, soft_wrap=True)

    def position(self, at_ms: int) -> None:
        """How far the caller has played: the distance to the log is the lag."""
        self._position_ms = at_ms

    def refresh(self) -> None:
        """Draw the live picture anew."""
        if self._live is not None:
            self._live.update(self.render(), refresh=True)

    def render(self) -> RenderableType:
        """The live picture at this moment, at most the console's height."""
        height = self._console.size.height
        count = 2 if height >= _TALL else 1
        room = max(_FEWEST_ROWS, height - _OTHER_ROWS - count * _CARD_ROWS)
        return Group(
            Rule(Text(self._title, style="bold")),
            self._transcript(room),
            self._cards(count),
            self._silences(),
            self._status(),
        )

    def _transcript(self, room: int) -> RenderableType:
        """As many of the last lines as there is room for, each party's guess dim below them."""
        table = Table.grid(padding=(0, 1))
        table.add_column(width=5, justify="right", style="dim")
        table.add_column(width=8)
        table.add_column(ratio=1)
        width = max(20, self._console.size.width - _MARGIN)
        rows: deque[tuple[str, Text, Text]] = deque()
        for time, party, words, style in reversed(list(self._lines())):
            text = _end_of(words, _LINE_ROWS * width - width // 4)
            room -= 1 + len(text) // width
            if room < 0:
                break
            name = Text(PARTIES[party], style=f"bold {_STYLES[party]}")
            rows.appendleft((time, name, Text(text, style=f"{style}{_STYLES[party]}")))
        for row in rows:
            table.add_row(*row)
        return table

    def _lines(self) -> Iterator[tuple[str, Party, str, str]]:
        """Time, party, words and style of each line and each guess."""
        transcript = self._view.transcript
        for line in transcript.lines:
            yield clock(line.start), line.party, line.text, ""
        for party, partial in (
            (Party.AGENT, transcript.agent_partial),
            (Party.CUSTOMER, transcript.customer_partial),
        ):
            if partial:
                yield clock(self._view.tick), party, partial, "dim "

    def _cards(self, count: int) -> RenderableType:
        shown = list(self._view.cards.values())[-count:]
        if not shown:
            return self._no_card()
        return Group(*(self._card(one) for one in shown))

    def _no_card(self) -> Panel:
        """An empty place, with what stood there last."""
        body = Text("no card on screen", style="dim")
        if self._view.gone is not None:
            tick, card, reason = self._view.gone
            body.append(f"\nlast: {card.title}\n{clock(tick)} {withdrawal(reason).sentence}")
        return Panel(body, title="Card", title_align="left", border_style="dim")

    def _card(self, shown: Shown) -> Panel:
        card = shown.card
        lead = self._view.leads.get(card.inquiry)
        facts = Text(style="dim")
        facts.append(f"{card.cites[0] if card.cites else 'no source'}\n")
        facts.append(f"support {card.support} %, {lead_words(lead)}")
        body = Text(card.text, style="bold")
        title = Text.assemble("Card ", clock(shown.tick), ": ", card.title)
        return Panel(Group(body, facts), title=title, title_align="left", border_style=_CARD_STYLE)

    def _silences(self) -> RenderableType:
        lines = Text(overflow="ellipsis", no_wrap=True)
        for stayed in self._view.stays[-_SILENCES:]:
            phrase = SILENCES[stayed.withheld.reason]
            lines.append(f"{clock(stayed.tick):>5} silent: ", style="dim")
            lines.append(f"{phrase.label}", style=_QUIET_STYLE)
            lines.append(f'  "{stayed.withheld.query}"\n', style="dim")
        if self._view.stays:
            lines.append(
                f"      {SILENCES[self._view.stays[-1].withheld.reason].sentence}",
                style=_QUIET_STYLE,
            )
        else:
            lines.append("      no decision to stay silent yet", style="dim")
        return lines

    def _status(self) -> RenderableType:
        parts = [clock(self._view.tick), f"floor: {floor_words(self._view)}"]
        if self._position_ms is not None:
            lag = max(0, self._position_ms - self._view.tick * TICK_MS)
            parts.append(f"lag {lag / 1000:.1f} s")
        status = Text("  ".join(parts), style="bold")
        return Group(Rule(style="dim"), status, Text(self._url, style="underline"))


def _end_of(words: str, most: int) -> str:
    """The last words, at most `most` characters: what is being said now matters."""
    return words if len(words) <= most else "… " + words[2 - most :].split(" ", 1)[-1]


def floor_words(view: View) -> str:
    """Who speaks now, in words."""
    if view.floor.overlap:
        return "both speak"
    if view.floor.agent.speaking:
        return "agent"
    if view.floor.customer.speaking:
        return "customer"
    return "nobody"


def lead_words(lead_ms: int | None) -> str:
    """How a card lay to the end of the question."""
    if lead_ms is None:
        return "while the customer is asking"
    when = "before" if lead_ms >= 0 else "after"
    return f"{abs(lead_ms) / 1000:.1f} s {when} the question ended"


def plain(happening: Happening) -> Iterator[Text]:
    """The happening as lines that stand alone, without colour as with it."""
    match happening:
        case Began(started):
            packs = ", ".join(started.packs) or "no packs"
            yield Text(f" 0:00  call {started.call_id} with {packs}")
        case Said(line):
            yield _line(line.start, PARTIES[line.party], line.text, _STYLES[line.party])
        case Shown(tick, card):
            yield _line(tick, "CARD", card.title, _CARD_STYLE)
            source = card.cites[0] if card.cites else "no source"
            yield _line(
                None, "", f'"{card.text}" ({source}, support {card.support} %)', _CARD_STYLE
            )
        case Timed(_, card, lead_ms):
            yield _line(None, "", f"{card.title}: {lead_words(lead_ms)}", "dim")
        case Gone(tick, card, reason):
            yield _line(tick, "gone", f"{card.title} {withdrawal(reason).sentence}", "dim")
        case Stayed(tick, withheld):
            phrase = SILENCES[withheld.reason]
            text = f'{phrase.label}. {phrase.sentence} ("{withheld.query}")'
            yield _line(tick, "silent", text, _QUIET_STYLE)
        case Mishap(tick, failed):
            what = FAILURES.get(failed.what, f"{failed.what} failed")
            yield _line(tick, "failed", f"{what}: {failed.error}", "red")
        case Over(tick, reason):
            yield _line(tick, "end", ending(reason).sentence, "dim")


def _line(tick: int | None, who: str, text: str, style: str) -> Text:
    time = clock(tick) if tick is not None else ""
    return Text.assemble((f"{time:>5}  ", "dim"), (f"{who:<8}  ", "bold"), (text, style))
