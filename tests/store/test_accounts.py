"""Accounts on both databases: migrated into, written in one piece, separated by team."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from advanced_alchemy.alembic.commands import AlembicCommands

from copilot.accounts.roles import Role, Scope
from copilot.accounts.secrets import new_id
from copilot.errors import UnknownCall
from copilot.ports import Owner
from copilot.store import database
from copilot.store.accounts.rows import Deed, Kind, Proof, Team
from copilot.store.label import Label, Verdict
from copilot.store.log import Store, open_store
from copilot.store.team import TeamCalls
from tests.helpers import Call, knows
from tests.tenants import HERE, Hands, make_accounts, make_tenants
from tests.website import ADDRESS, answered

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def call() -> Call:
    made = Call(knows(ADDRESS))
    made.customer("can i change the delivery address").quiet(10)
    return made.end()


async def test_a_life_with_accounts(store: Store) -> None:
    """All tables are written and read by the services, on either database."""
    now = Hands()
    accounts = make_accounts(store, now=now)
    tenants = await make_tenants(accounts)
    agent, admin = await tenants.who("agent"), await tenants.who("admin")
    asked = await accounts.devices.ask("extension", "", HERE)
    await accounts.devices.answer(agent, asked.user_code, True)
    pair = await accounts.devices.exchange("extension", asked.device_code)
    now.forward(minutes=5)
    pair = await accounts.devices.refresh(pair.refresh)
    _, secret = await accounts.tokens.make(agent, "dialler", [Scope.CALLS_READ], 30)
    for one in (pair.access, secret):
        found = await accounts.sessions.caller(one, frozenset(Proof), "")
        assert found is not None
        assert found.person_id == agent.person_id
    await accounts.people.set_roles(admin, agent.person_id, {Role.AGENT, Role.SUPERVISOR})
    kinds = [len(await accounts.sessions.of(agent, kind)) for kind in Kind]
    assert kinds == [2, 1, 1]
    await accounts.people.remove(admin, agent.person_id)
    for one in (pair.access, secret):
        assert await accounts.sessions.caller(one, frozenset(Proof), "") is None
    acts = [deed.act for deed in await accounts.audit.page(admin, 3)]
    assert acts == ["removed", "roles_changed", "token_made"]


async def test_what_fails_leaves_nothing(store: Store) -> None:
    async def half() -> None:
        async with store.accounts.write() as tables:
            await tables.people.add_team(Team(new_id(), "half", NOW))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await half()
    async with store.accounts.read() as found:
        assert [one.id for one in await found.people.teams()] == ["default"]


async def test_an_invitation_that_two_accept_at_once_is_accepted_once(store: Store) -> None:
    accounts = make_accounts(store)
    tenants = await make_tenants(accounts)
    _, link = await accounts.people.invite(await tenants.who("admin"), "a@b.cc", [Role.AGENT])
    results = await asyncio.gather(
        *(
            accounts.joining.accept(link, "", f"Ann {number}", "a sentence of words", HERE)
            for number in range(3)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, str) for one in results) == 1


async def test_the_audit_log_is_read_by_team(store: Store) -> None:
    async with store.accounts.write() as tables:
        for number in range(5):
            team = "default" if number % 2 else "other"
            await tables.journal.add(
                Deed(0, NOW, team, "", "somebody", "removed", f"who {number}", "127.0.0.1")
            )
    async with store.accounts.read() as tables:
        ours = await tables.journal.of("default", 10)
        assert [deed.what for deed in ours] == ["who 3", "who 1"]
        older = await tables.journal.of("default", 10, before=ours[0].id)
        assert [deed.what for deed in older] == ["who 1"]
        assert await tables.journal.of("default", 10, act="invited") == []


async def test_what_has_run_out_is_tidied_away(store: Store) -> None:
    now = Hands()
    accounts = make_accounts(store, now=now)
    asked = await accounts.devices.ask("extension", "", HERE)
    now.forward(days=2)
    await accounts.devices.ask("extension", "", HERE)
    async with store.accounts.read() as tables:
        assert await tables.credentials.device_with(asked.user_code) is None


# ---- the door to a team's calls


async def test_a_team_has_its_own_calls(store: Store) -> None:
    ann, bob, eve = Owner("a", "ann"), Owner("a", "bob"), Owner("b", "eve")
    for number, owner in enumerate((ann, bob, eve)):
        TeamCalls(store, owner, False).append(f"call-{number}", call().log)
    TeamCalls(store, ann, False).append("on", answered().log)
    team, own, other = (
        TeamCalls(store, ann, True),
        TeamCalls(store, ann, False),
        TeamCalls(store, eve, True),
    )
    for _ in range(2):  # in memory, then in the database
        assert {row.id for row in await team.calls(9)} == {"on", "call-0", "call-1"}
        assert {row.id for row in await own.calls(9)} == {"on", "call-0"}
        assert [row.id for row in await other.calls(9)] == ["call-2"]
        assert await store._flush()
    assert [row.id for row in team.live()] == ["on"]
    assert other.live() == []
    for outside in ("call-0", "on", "never"):
        for ask in (other.call(outside), other.read(outside), other.labels(outside)):
            with pytest.raises(UnknownCall):
                await ask
        with pytest.raises(UnknownCall):
            await other.calls(9, before=outside)
        with pytest.raises(UnknownCall):
            await anext(other.follow(outside))
        with pytest.raises(UnknownCall):
            await other.label(
                [Label(call_id=outside, inquiry=1, verdict=Verdict.RIGHT, by="eve", at=NOW)]
            )
    assert len(await team.read("call-1")) == len(call().log)
    assert (await team.call("call-1")).person_id == "bob"
    assert len(await store.calls(9)) == 4


async def test_changes_are_told_to_the_team(store: Store) -> None:
    ann, eve = Owner("a", "ann"), Owner("b", "eve")
    changes = TeamCalls(store, ann, True).watch()
    first = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    TeamCalls(store, eve, True).append("theirs", call().log)
    TeamCalls(store, ann, True).append("ours", call().log)
    assert (await asyncio.wait_for(first, 5)).id == "ours"


async def test_calls_from_before_belong_to_the_default_team(url: str) -> None:
    store = await open_store(url)
    await store.close()
    config = database.configure(database.parse(url))
    await asyncio.to_thread(AlembicCommands(config).downgrade, "0002")
    engine = database.configure(database.parse(url)).get_engine()
    async with engine.begin() as connection:
        await connection.exec_driver_sql(
            "insert into call (call_id, writer, started_at, state, reason, version, packs,"
            " entries, ticks, cards, silences)"
            " values ('old', 1, '2026-01-01 00:00:00', 'ended', '', '', '[]', 0, 0, 0, 0)"
        )
    await engine.dispose()
    store = await open_store(url)
    row = await store.call("old")
    assert row is not None
    assert (row.team_id, row.person_id) == ("default", "")
    assert (await TeamCalls(store, Owner(), True).call("old")).id == "old"
    with pytest.raises(UnknownCall):
        await TeamCalls(store, Owner("b"), True).call("old")
    await store.close()


async def test_no_secret_is_kept(tmp_path: Path) -> None:
    """Neither passwords nor tokens are anywhere in the file."""
    path = tmp_path / "x.sqlite"
    store = await open_store(f"sqlite:///{path}")
    accounts = make_accounts(store)
    tenants = await make_tenants(accounts)
    agent = await tenants.who("agent")
    asked = await accounts.devices.ask("extension", "", HERE)
    await accounts.devices.answer(agent, asked.user_code, True)
    pair = await accounts.devices.exchange("extension", asked.device_code)
    _, token = await accounts.tokens.make(agent, "dialler", [Scope.CALLS_READ])
    _, link = await accounts.people.invite(await tenants.who("admin"), "a@b.cc", [Role.AGENT])
    session = await tenants.session("agent")
    await store.close()
    with sqlite3.connect(path) as connection:
        dump = "\n".join(connection.iterdump())
    for secret in (pair.access, pair.refresh, asked.device_code, token, link, session):
        assert secret.partition("_")[2] not in dump
    assert "a sentence of several words" not in dump
    assert "$argon2id$" in dump
