"""What a person watching sees: plain lines and the live picture of a hand-made call."""

import io

import pytest
from rich.console import Console

from copilot.core.events import (
    CallEnded,
    CallStarted,
    Entry,
    Event,
    Failed,
    Heard,
    ShowCard,
    WithdrawCard,
    Withheld,
)
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, Silence, Word
from copilot.demo.terminal import Terminal
from copilot.demo.view import Began, Gone, Mishap, Over, Said, Shown, Stayed, Timed, View

URL = "http://127.0.0.1:8123/calls/abc"
CARD = ShowCard(
    inquiry=2,
    revision=0,
    title="Can I change the delivery address?",
    text="You can change the address once, free, until midnight before delivery.",
    cites=("parcel/delivery#can-i-change-the-delivery-address",),
    support=88,
    query="can i change the delivery address",
)
HELD = Withheld(1, Silence.NO_EVIDENCE, "how are you today [red]")


def spoken(start: int, text: str) -> tuple[Word, ...]:
    """Four ticks a word."""
    return tuple(
        Word(word, start + 4 * n, start + 4 * n + 4) for n, word in enumerate(text.split())
    )


def call() -> list[Entry]:
    """Agent 0-24, customer 40-64 with a card at 56, agent says it, silence about small talk."""
    events: list[tuple[int, Event]] = [(0, CallStarted("abc", Policy(), ("parcel@1f0c9a2e",)))]
    for tick in range(150):
        agent = Hearing(speech=90 if tick < 24 else 0)
        customer = Hearing(speech=90 if 40 <= tick < 64 else 0)
        if tick == 26:
            agent = Hearing(words=spoken(0, "good morning how are you today"))
        if 44 <= tick < 66:
            customer = Hearing(customer.speech, partial="can i change the delivery")
        if tick == 66:
            customer = Hearing(words=spoken(40, "can i change the delivery address"))
        events.append((tick, Heard(tick, agent, customer)))
        if tick == 34:
            events.append((tick, HELD))
        if tick == 56:
            events.append((tick, CARD))
        if tick == 90:
            events.append((tick, Failed(3, "search", "timed out")))
        if tick == 120:
            events.append((tick, WithdrawCard(2, "said")))
    events.append((149, CallEnded("hang_up")))
    return [Entry(seq, tick, event) for seq, (tick, event) in enumerate(events)]


def plain_console() -> Console:
    return Console(file=io.StringIO(), width=80, force_terminal=False, color_system=None)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def drawn(terminal: Terminal, width: int = 80, height: int = 40) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(terminal.render())
    return written(console)


def test_the_view_tells_what_happened_in_order() -> None:
    view = View()
    happened = [one for entry in call() for one in view.feed(entry)]
    assert [type(one) for one in happened] == [
        *(Began, Stayed, Said, Shown, Timed, Said, Mishap, Gone, Over)
    ]
    said = [one.line.text for one in happened if isinstance(one, Said)]
    assert said == ["good morning how are you today", "can i change the delivery address"]


def test_the_lead_is_counted_to_the_end_of_the_customers_turn() -> None:
    view = View()
    leads = [one for entry in call() for one in view.feed(entry) if isinstance(one, Timed)]
    assert [one.lead_ms for one in leads] == [(64 - 57) * 80]


def test_a_card_after_the_question_has_a_negative_lead_at_once() -> None:
    view = View()
    for entry in call():
        if entry.tick < 80 and not isinstance(entry.event, ShowCard):
            view.feed(entry)
    late = view.feed(Entry(999, 80, CARD))
    assert [type(one) for one in late] == [Shown, Timed]
    assert view.leads == {2: (64 - 81) * 80}


def test_a_revision_keeps_its_card_and_lead() -> None:
    view = View()
    for entry in call():
        if entry.tick <= 100:
            view.feed(entry)
    revised = ShowCard(2, 1, CARD.title, "Once, free.", CARD.cites, 88, CARD.query)
    assert [type(one) for one in view.feed(Entry(999, 101, revised))] == [Shown]
    assert view.cards[2].card.text == "Once, free."
    assert len(view.leads) == 1


def test_plain_lines_tell_the_whole_call() -> None:
    console = plain_console()
    with Terminal(console, URL, "A late present") as terminal:
        for entry in call():
            terminal.feed(entry)
        terminal.refresh()
    lines = [line.rstrip() for line in written(console).splitlines()]
    assert lines == [
        f"A late present; live page: {URL}",
        " 0:00  call abc with parcel@1f0c9a2e",
        " 0:02  silent    Nothing found. No pack in use says anything about this. "
        '("how are you today [red]")',
        " 0:00  Agent     good morning how are you today",
        " 0:04  CARD      Can I change the delivery address?",
        '                 "You can change the address once, free, until midnight before '
        'delivery." (parcel/delivery#can-i-change-the-delivery-address, support 88 %)',
        "                 Can I change the delivery address?: 0.6 s before the question ended",
        " 0:03  Customer  can i change the delivery address",
        " 0:07  failed    The knowledge base did not answer: timed out",
        " 0:09  gone      Can I change the delivery address? The agent said it, so the card "
        "left the screen.",
        " 0:11  end       The agent hung up.",
    ]
    assert "\x1b" not in written(console)


def fed(until: int, width: int = 80, height: int = 40) -> Terminal:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True)
    terminal = Terminal(console, URL, "A late present")
    for entry in call():
        if entry.tick <= until:
            terminal.feed(entry)
    return terminal


def test_the_live_picture_while_the_customer_asks() -> None:
    terminal = fed(57)
    terminal.position(5000)
    picture = drawn(terminal)
    assert "Agent    good morning how are you today" in picture
    assert "Customer can i change the delivery" in picture
    assert "Card 0:04: Can I change the delivery address?" in picture
    assert "until midnight before delivery" in picture
    assert "parcel/delivery#can-i-change-the-delivery-address" in picture
    assert "support 88 %, while the customer is asking" in picture
    assert "silent: Nothing found" in picture
    assert "No pack in use says anything about this." in picture
    assert "0:04  floor: customer  lag 0.4 s" in picture
    assert URL in picture


def test_the_live_picture_after_the_card_is_gone() -> None:
    picture = drawn(fed(140))
    assert "no card on screen" in picture
    assert "last: Can I change the delivery address?" in picture
    assert "0:09 The agent said it, so the card left the screen." in picture
    assert "floor: nobody" in picture
    assert "Customer can i change the delivery address" in picture


@pytest.mark.parametrize(("width", "height"), [(80, 24), (80, 40), (100, 30), (200, 60)])
@pytest.mark.parametrize("until", [0, 57, 75, 149])
def test_the_live_picture_fits_its_window(width: int, height: int, until: int) -> None:
    terminal = fed(until, width, height)
    for n in range(40):
        start = 200 + 50 * n
        words = spoken(start, " ".join(["many words that fill a line"] * (n % 9)))
        terminal.feed(Entry(1000 + n, start, Heard(start, customer=Hearing(words=words))))
    lines = drawn(terminal, width, height).splitlines()
    assert max(map(len, lines)) <= width
    assert len(lines) <= height


def test_of_a_long_line_the_end_is_shown() -> None:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=True)
    terminal = Terminal(console, URL)
    words = spoken(0, "first " + " ".join(["word"] * 60) + " last")
    terminal.feed(Entry(0, 0, Heard(0, customer=Hearing(words=words))))
    picture = drawn(terminal)
    assert "first" not in picture
    assert "Customer … word" in picture
    assert "last" in picture


def test_a_small_window_keeps_the_latest_lines() -> None:
    console = Console(file=io.StringIO(), width=80, height=10, force_terminal=True)
    terminal = Terminal(console, URL)
    for n in range(30):
        heard = Heard(n * 40, customer=Hearing(words=spoken(n * 40, f"line number {n}")))
        terminal.feed(Entry(n, n * 40, heard))
    picture = drawn(terminal)
    assert "line number 29" in picture
    assert "line number 20" not in picture


def test_without_colour_there_are_no_colour_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), width=80, height=40, force_terminal=True)
    terminal = Terminal(console, URL)
    with terminal:
        for entry in call():
            terminal.feed(entry)
        terminal.refresh()
    assert "\x1b[3" not in written(console)
    assert "good morning" in written(console)
