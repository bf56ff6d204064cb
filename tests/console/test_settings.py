"""Retention that really erases, consent, and what the doctor says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from copilot.config import Settings
from copilot.console.console import Console
from copilot.console.doctor import Facts, Mood, examine
from copilot.console.policy import Mode
from copilot.console.settings import Consent, Desk, Purged, TeamSettings, cleaner, read
from copilot.errors import SettingError
from copilot.ports import DEFAULT_TEAM, Owner
from copilot.store.accounts.rows import Deed
from copilot.store.log import Store
from copilot.store.mind.rows import Delivery, Fact
from tests.console.calls import asked, keep


def later(days: int) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


async def test_a_purge_erases_what_is_too_old_of_this_team(store: Store, tmp_path: Path) -> None:
    await keep(store, "a", asked().end())
    await keep(store, "live", asked())
    await keep(store, "c", asked().end(), Owner("theirs", "zoe"))
    desk = Desk(store, tmp_path / "recordings", lambda: later(10))
    for name in ("a", "c"):
        path = desk.recording(name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"OggS")
    assert await desk.purge("ours") == Purged(), "the sound is kept 30 days"
    await desk.change("ours", "admin", TeamSettings(audio_days=5))
    assert await desk.due("ours") == Purged(0, 1)
    assert await desk.purge_all() == Purged(0, 1)
    assert await store.call("a") is not None
    await desk.change("ours", "admin", TeamSettings(calls_days=9))
    assert await desk.due("ours") == Purged(1, 0)
    assert await desk.purge_all() == Purged(1, 0)
    assert await store.call("a") is None
    assert await store.call("live") is not None, "never a call that is on"
    assert await store.call("c") is not None
    assert desk.recording("c").exists()


async def test_every_kind_is_forgotten_at_its_own_time(store: Store, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for team in ("ours", "theirs"):
        await store.mind.add_fact(fact(team, now))
        await store.mind.send([message(team, now, state) for state in ("delivered", "due")])
        async with store.accounts.write() as tables:
            await tables.journal.add(Deed(0, now, team, "p", "p@x", "listened", "", ""))
    await store.mind.add_fact(fact("theirs", now, ends=now + timedelta(days=1)))
    desk = Desk(store, tmp_path / "recordings", lambda: later(100))
    wanted = TeamSettings(memory_days=50, deliveries_days=99, audit_days=101)
    await desk.change("ours", "admin", wanted)
    assert await desk.due("ours") == Purged(facts=1, deliveries=1)
    assert await desk.purge_all() == Purged(facts=2, deliveries=1), "one of theirs had its end"
    await desk.change("ours", "admin", TeamSettings(audit_days=90))
    assert await desk.purge_all() == Purged(deeds=1)
    ours, theirs = await desk.kept("ours"), await desk.kept("theirs")
    assert (ours.rows.facts.count, ours.rows.deeds.count) == (0, 0)
    assert (theirs.rows.facts.count, theirs.rows.deeds.count) == (1, 1)
    assert (ours.rows.deliveries.count, theirs.rows.deliveries.count) == (0, 1)
    assert await store.mind.waiting() == 2, "what waits to be sent is not touched"
    await store.mind.send([message(DEFAULT_TEAM, now, "failed")])
    assert await desk.purge_all() == Purged(deliveries=1), "a team that has set nothing"
    assert str(Purged(calls=2, deeds=1)) == "2 calls, 1 lines of the audit log"


def fact(team: str, at: datetime, ends: datetime | None = None) -> Fact:
    return Fact(0, team, "hash", "has a dog", "c", 0, at, "x", ends or at + timedelta(days=365))


def message(team: str, at: datetime, state: str) -> Delivery:
    return Delivery(0, team, "c", "hook", "m", "e", "{}", state, 1, 200, "", at, at)


async def test_a_team_that_never_consents_gets_no_log_and_no_sound(console: Console) -> None:
    owner = Owner("ours", "anna")
    await console.desk.change("ours", "admin", TeamSettings(keep_audio=True))
    asked_ = await console.begin(owner, "c/../1")
    assert asked_.consent
    assert asked_.recording is not None
    assert asked_.recording.name == "c____1.ogg", "an id is no path"
    await console.desk.change("ours", "admin", TeamSettings(consent=Consent.NEVER))
    assert not (await console.begin(owner, "c2")).consent


@pytest.mark.parametrize("body", ['{"calls_days": 0}', '{"consent": "maybe"}', "[]", '{"x": 1}'])
def test_settings_that_make_no_sense_are_refused(body: str) -> None:
    with pytest.raises(SettingError, match="cannot be used"):
        read(body)


WELL = Facts({"store": ""}, {}, 1, 20, 10**12, 0, Mode.CARDS, False, True, 3, 30)


def test_the_doctor_puts_the_worst_first_and_says_what_to_do() -> None:
    assert {one.mood for one in examine(WELL)} == {Mood.WELL}
    ill = msgspec.structs.replace(
        WELL,
        faults={"store": "the disk refuses", "search": ""},
        notices={"ear": "the model restarts"},
        live=20,
        free_bytes=10**8,
        unread=900,
        mode=Mode.EAR,
        sign_in=False,
        packs=0,
        calls_days=None,
    )
    found = examine(ill)
    assert [one.mood for one in found] == sorted((one.mood for one in found), key=list(Mood).index)
    bad = {one.what for one in found if one.mood is Mood.BAD}
    assert bad == {"Store", "Lines", "Disk", "Knowledge"}
    assert all(one.advice for one in found if one.what in (*bad, "Voice", "Sign-in", "Retention"))


async def test_the_console_keeps_recordings_in_the_data_folder(
    store: Store, tmp_path: Path
) -> None:
    console = Console(store, Settings(data=tmp_path))
    assert console.desk.recording("a").parent == tmp_path / "recordings"


def test_words_that_break_off_inside_a_number_give_nothing_away() -> None:
    clean = cleaner(TeamSettings(redact=True))
    assert clean.part("charge card four two three five six") == "charge card [number]"
    assert clean.part("it is 4217, please, in 3 to 5 days") == "it is 4217, please, in 3 to 5 days"
    assert clean.part("i am at 42 17 88 now") == "i am at [number] now"
    assert clean.talk("order four two three five six") == "order four two three five six"
    assert cleaner(TeamSettings()).part("four two three five six") == "four two three five six"
