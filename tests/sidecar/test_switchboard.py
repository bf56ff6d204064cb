"""Live calls over real WebRTC: admitted, resumed, full, hung up, lost; whispers for the agent."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest

from copilot.audio.frames import MicroTurn, Pcm
from copilot.config import Settings
from copilot.config.sections import Server
from copilot.core.call import replay
from copilot.core.events import CallEnded, CallStarted, Heard, ShowCard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Hearing, TurnText, Word
from copilot.errors import ConfigError, NoPlace, UnknownCall
from copilot.ports import Found, Pinned
from copilot.sidecar.line import Line
from copilot.sidecar.offer import Unsuitable, read
from copilot.sidecar.peer import use_interface
from copilot.sidecar.switchboard import Full, Switchboard
from copilot.store.forgetful import Forgetful
from copilot.store.log import Store, open_store
from tests.helpers import passage
from tests.webrtc import QUERY, Browser

QUESTION = "can i change the delivery address of my parcel before it comes tomorrow morning".split()
LINE = passage(say="In the app until the evening before.")

SPOKEN = Policy(voice=True, speak_risk=100)
"""Whispers are spoken in any gap: nobody says anything in these calls but a question."""


class Asking:
    """A listener to whom the customer asks one question, four ticks a word, then is silent."""

    rate = 24_000

    async def open(self, call: CallStarted) -> "Asking":
        return self

    async def hear(self, turn: MicroTurn) -> Heard:
        index, phase = divmod(turn.tick - 1, 2)
        if index >= len(QUESTION):
            return Heard(turn.tick)
        word = Word(QUESTION[index], turn.tick - 1, turn.tick + 1)
        return Heard(turn.tick, customer=Hearing(95, words=(word,) if phase else ()))

    async def close(self) -> None: ...


class Shelf:
    def pin(self, packs: Sequence[str] = ()) -> Pinned:
        if set(packs) - {"p"}:
            raise ConfigError(f"pack {packs[0]!r} is not in use; there are p")
        return Pinned(("p@1",), self)

    async def search(self, query: str, k: int, turns: Sequence[TurnText] = ()) -> Found:
        return Found((LINE,))


class Tone:
    """A voice that hums for half a second."""

    rate = 24_000

    async def say(self, text: str) -> AsyncIterator[Pcm]:
        for _ in range(25):
            yield np.sin(np.arange(480, dtype=np.float32) / 9)

    async def close(self) -> None: ...


@pytest.fixture
async def store(tmp_path: object) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path}/calls.sqlite")
    yield store
    await store.close()


@pytest.fixture
async def switchboard(store: Store) -> AsyncIterator[Switchboard]:
    use_interface("127.0.0.1")
    settings = Settings(server=Server(capacity=2, resume_seconds=0.3), policy=SPOKEN)
    made = Switchboard(settings, Asking(), Shelf(), store, Forgetful(), Tone())
    yield made
    await made.close()


async def place(switchboard: Switchboard, **query: str) -> tuple[str, Browser]:
    browser = Browser()
    offer = read(await browser.offer(), {**QUERY, **query})
    call_id, peer = await switchboard.admit(offer)
    await browser.accept(peer.answer)
    return call_id, browser


async def over(switchboard: Switchboard, calls: int = 0) -> None:
    async with asyncio.timeout(10):
        while switchboard.live > calls:
            await asyncio.sleep(0.01)


async def kinds(store: Store, call_id: str) -> list[str]:
    return [type(entry.event).__name__ for entry in await store.read(call_id)]


async def test_a_call_shows_its_card_speaks_it_and_takes_a_touch(
    switchboard: Switchboard, store: Store
) -> None:
    call_id, browser = await place(switchboard)
    card = await browser.message("show_card")
    assert card["cites"] == [LINE.id]
    await browser.message("show_card")
    async with asyncio.timeout(10):
        while browser.heard_packets < 5:
            browser.news.clear()
            await browser.news.wait()
    browser.say("not json")
    browser.say({"type": "call_ended", "reason": "mischief"})
    browser.say({"type": "card_touched", "inquiry": card["inquiry"], "how": "dismissed"})
    assert (await browser.message("withdraw_card"))["reason"] == "dismissed"
    await switchboard.hang_up(call_id)
    log = await kinds(store, call_id)
    assert log[0] == "CallStarted"
    assert log[-1] == "CallEnded"
    assert log.count("CallEnded") == 1
    assert "Speak" in log
    assert switchboard.live == 0
    await browser.close()


async def test_the_customers_direction_carries_nothing(switchboard: Switchboard) -> None:
    """Whispers leave on the earpiece's section alone: the answer sends on no other."""
    browser = Browser()
    _, peer = await switchboard.admit(read(await browser.offer(), QUERY))
    sections = peer.answer.split("m=")[1:]
    directions = [
        next(line for line in section.splitlines() if line in DIRECTIONS)
        for section in sections
        if section.startswith("audio")
    ]
    assert directions == ["a=recvonly", "a=recvonly", "a=sendonly"]
    await browser.close()


DIRECTIONS = {"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}


async def test_an_ear_without_a_place_is_a_full_switchboard(store: Store) -> None:
    """And the connection that was made for the call is taken down again."""

    class Crowded(Asking):
        async def open(self, call: CallStarted) -> "Asking":
            raise NoPlace("a tick of the engine takes 77 of 80 ms")

    use_interface("127.0.0.1")
    board = Switchboard(Settings(), Crowded(), Shelf(), store, Forgetful())
    browser = Browser()
    with pytest.raises(Full):
        await board.admit(read(await browser.offer(), QUERY))
    assert board.live == 0
    await browser.close()
    await board.close()


async def test_a_voice_of_each_call_is_asked_for_that_call(store: Store) -> None:
    class Choir(Tone):
        def __init__(self) -> None:
            self.calls: list[str] = []

        def inside(self, call_id: str) -> Tone:
            self.calls.append(call_id)
            return Tone()

        async def say(self, text: str) -> AsyncIterator[Pcm]:
            raise AssertionError("it speaks in calls only")
            yield

    use_interface("127.0.0.1")
    choir = Choir()
    settings = Settings(policy=SPOKEN)
    board = Switchboard(settings, Asking(), Shelf(), store, Forgetful(), choir)
    call_id, browser = await place(board)
    async with asyncio.timeout(10):
        while browser.heard_packets < 5:
            browser.news.clear()
            await browser.news.wait()
    assert choir.calls == [call_id]
    await browser.close()
    await board.close()


async def test_a_full_switchboard_refuses_and_frees_places(switchboard: Switchboard) -> None:
    first, browser = await place(switchboard)
    _, other = await place(switchboard)
    with pytest.raises(Full):
        await place(switchboard)
    await switchboard.hang_up(first)
    _, third = await place(switchboard)
    for one in (browser, other, third):
        await one.close()


async def test_a_lost_browser_ends_the_call_unless_it_resumes(
    switchboard: Switchboard, store: Store
) -> None:
    call_id, browser = await place(switchboard)
    await browser.message("show_card")
    await browser.close()
    again_id, again = await place(switchboard, call=call_id)
    assert again_id == call_id
    assert (await again.message("show_card"))["cites"] == [LINE.id]
    assert switchboard.live == 1
    await again.close()
    await over(switchboard)
    entries = await store.read(call_id)
    ends = [entry.event for entry in entries if isinstance(entry.event, CallEnded)]
    assert ends == [CallEnded("disconnected")]


async def test_a_call_uses_the_packs_that_it_names(switchboard: Switchboard, store: Store) -> None:
    call_id, browser = await place(switchboard, packs="p")
    await switchboard.hang_up(call_id)
    started = (await store.read(call_id))[0].event
    assert isinstance(started, CallStarted)
    assert started.packs == ("p@1",)
    with pytest.raises(Unsuitable, match="'nosuch' is not in use; there are p"):
        await place(switchboard, packs="nosuch")
    assert switchboard.live == 0
    await browser.close()


async def test_a_call_that_is_over_cannot_be_resumed(switchboard: Switchboard) -> None:
    call_id, browser = await place(switchboard)
    await switchboard.hang_up(call_id)
    with pytest.raises(UnknownCall, match="begin a new one"):
        await place(switchboard, call=call_id)
    await browser.close()


async def test_without_consent_nothing_is_stored_and_nothing_shown(
    switchboard: Switchboard, store: Store
) -> None:
    call_id, browser = await place(switchboard, consent="false")
    withheld = await browser.message("withheld")
    assert withheld["reason"] == "no_consent"
    await switchboard.hang_up(call_id)
    assert await store.call(call_id) is None
    await browser.close()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[Line]:
    """Every line that is made."""
    made: list[Line] = []

    class Noted(Line):
        def __init__(self, rate: int, card: ShowCard | None = None) -> None:
            super().__init__(rate, card)
            made.append(self)

    monkeypatch.setattr("copilot.sidecar.switchboard.Line", Noted)
    return made


def without_opus(sdp: str) -> str:
    return sdp.replace("opus/48000/2", "speex/16000")


async def test_a_refused_offer_leaves_nothing_behind(
    switchboard: Switchboard, lines: list[Line]
) -> None:
    browser = Browser()
    with pytest.raises(Unsuitable, match="no Opus"):
        await switchboard.admit(read(without_opus(await browser.offer()), QUERY))
    assert [line.audio.closed for line in lines] == [True]
    assert switchboard.live == 0
    await browser.close()


async def test_an_ear_that_cannot_be_opened_leaves_nothing_behind(
    store: Store, lines: list[Line]
) -> None:
    class Broken(Asking):
        async def open(self, call: CallStarted) -> "Asking":
            raise OSError("no recogniser")

    use_interface("127.0.0.1")
    board = Switchboard(Settings(), Broken(), Shelf(), store, Forgetful())
    browser = Browser()
    with pytest.raises(OSError, match="no recogniser"):
        await board.admit(read(await browser.offer(), QUERY))
    assert [line.audio.closed for line in lines] == [True]
    await browser.close()


async def test_a_call_that_never_connects_gives_its_place_back(
    switchboard: Switchboard, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.sidecar.switchboard.CONNECT_SECONDS", 0.1)
    browser = Browser()
    call_id, _ = await switchboard.admit(read(await browser.offer(), QUERY))
    assert switchboard.live == 1
    await over(switchboard)
    entries = await store.read(call_id)
    assert entries[-1].event == CallEnded("disconnected")
    await browser.close()


async def test_an_offer_that_cannot_resume_leaves_the_call_as_it_was(
    switchboard: Switchboard,
) -> None:
    call_id, browser = await place(switchboard)
    other = Browser()
    with pytest.raises(Unsuitable, match="no Opus"):
        await switchboard.admit(read(without_opus(await other.offer()), {**QUERY, "call": call_id}))
    await browser.message("show_card")
    assert switchboard.live == 1
    await browser.close()
    await over(switchboard)
    await other.close()


async def test_a_browser_without_an_earpiece_is_never_spoken_to(
    switchboard: Switchboard, store: Store
) -> None:
    browser = Browser()
    query = {key: value for key, value in QUERY.items() if key != "earpiece"}
    call_id, peer = await switchboard.admit(read(await browser.offer(), query))
    await browser.accept(peer.answer)
    await browser.message("show_card")
    await switchboard.hang_up(call_id)
    assert "Speak" not in await kinds(store, call_id)
    await browser.close()


async def test_a_call_goes_on_in_another_process_where_its_log_stopped(tmp_path: object) -> None:
    """The card is shown again, no second one comes, and the whole log replays."""
    url = f"sqlite+aiosqlite:///{tmp_path}/calls.sqlite"
    use_interface("127.0.0.1")
    settings = Settings(policy=Policy(card_ticks=3000))
    store = await open_store(url)
    board = Switchboard(settings, Asking(), Shelf(), store, Forgetful())
    call_id, browser = await place(board)
    card = await browser.message("show_card")
    await asyncio.sleep(1)
    board.call(call_id).task.cancel()  # as a kill does: no word to the log
    await over(board)
    await store.close()
    await browser.close()

    again = await open_store(url, grace=60)
    other = Switchboard(settings, Asking(), Shelf(), again, Forgetful())
    same_id, second = await place(other, call=call_id)
    assert same_id == call_id
    assert (await second.message("show_card")) == card
    second.say({"type": "card_touched", "inquiry": card["inquiry"], "how": "used"})
    second.say({"type": "snoozed", "ticks": 50})
    second.say({"type": "snoozed", "ticks": 1_000_000})
    assert (await second.message("withdraw_card"))["reason"] == "snoozed"
    await other.hang_up(call_id)
    entries = await again.read(call_id)
    names = [type(entry.event).__name__ for entry in entries]
    assert [names.count(one) for one in ("CallStarted", "ShowCard", "Snoozed")] == [1, 1, 1]
    assert entries[-1].event == CallEnded("hang_up")
    assert replay(entries) is None
    with pytest.raises(UnknownCall):
        await place(other, call=call_id)
    await second.close()
    await again.close()
