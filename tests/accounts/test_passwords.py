"""Passwords, codes, limits: the small parts of which sign-in is made."""

import asyncio

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from copilot.accounts.client import Client
from copilot.accounts.limits import Limit
from copilot.accounts.passwords import Passwords, check
from copilot.accounts.roles import (
    GRANTABLE,
    SCOPES,
    Role,
    Scope,
    read_roles,
    read_scopes,
    scopes_of,
    spoken,
    write,
)
from copilot.accounts.secrets import CODE_LETTERS, new_code, read_code
from copilot.errors import AccountError, TooOften

FAST = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


async def test_only_the_password_itself_fits() -> None:
    kept = await FAST.hash("a sentence of words")
    assert kept.startswith("$argon2id$")
    assert await FAST.fits("a sentence of words", kept)
    assert not await FAST.fits("a sentence of word", kept)
    assert not await FAST.fits("a sentence of words", None)
    assert not await FAST.fits("nobody has this", None)
    assert not await FAST.fits("a sentence of words", "no hash at all")
    assert not await FAST.fits("a" * 10_000, kept)


async def test_hashes_are_no_shared_secret() -> None:
    one, other = await asyncio.gather(
        FAST.hash("a sentence of words"), FAST.hash("a sentence of words")
    )
    assert one != other


async def test_older_parameters_are_noticed() -> None:
    assert Passwords().is_weak(await FAST.hash("a sentence of words"))


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short", "5 characters: use 12 or more"),
        ("x" * 257, "257 characters"),
        ("abababababab", "repeats"),
        ("Ann.Lee@example.com", "your address or name"),
    ],
)
def test_a_weak_password_is_refused(password: str, says: str) -> None:
    with pytest.raises(AccountError, match=says):
        check(password, "ann.lee@example.com", "Ann Lee")


def test_a_code_is_read_as_people_type_it() -> None:
    code = new_code()
    assert set(code) <= set(CODE_LETTERS) | {"-"}
    for typed in (code, code.lower(), code.replace("-", " "), f" {code.replace('-', '')} "):
        assert read_code(typed) == code


@given(st.text())
def test_reading_a_code_again_changes_nothing(typed: str) -> None:
    read = read_code(typed)
    assert read_code(read) == read


def test_a_limit_forgets_as_time_goes() -> None:
    limit = Limit(2, 60)
    for at in (0, 10):
        limit.check("ann", at)
        limit.count("ann", at)
    limit.check("bob", 20)
    with pytest.raises(TooOften):
        limit.check("ann", 59)
    limit.check("ann", 60)
    limit.forget("ann")
    limit.check("ann", 59)


@given(st.sets(st.sampled_from(Role)))
def test_roles_are_read_as_they_were_written(roles: set[Role]) -> None:
    assert read_roles(write(roles)) == roles
    assert read_roles(f"{write(roles)} emperor") == roles
    assert all(role.label.lower() in spoken(roles) for role in roles)


@given(st.sets(st.sampled_from(Role)), st.sets(st.sampled_from(Role)))
def test_another_role_never_takes_anything_away(some: set[Role], more: set[Role]) -> None:
    assert scopes_of(some) <= scopes_of(some | more)


def test_what_each_role_may() -> None:
    assert Scope.TEAMS_WRITE not in frozenset[Scope]().union(*SCOPES.values())
    assert scopes_of([], operator=True) == {Scope.TEAMS_WRITE}
    assert {role for role in Role if Scope.PEOPLE_WRITE in SCOPES[role]} == {Role.ADMIN}
    assert {role for role in Role if Scope.LIVE_LISTEN in SCOPES[role]} == {
        Role.SUPERVISOR,
        Role.ADMIN,
    }
    assert Scope.ACCOUNT not in GRANTABLE
    assert read_scopes("calls:read nonsense") == {Scope.CALLS_READ}


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/140.0 Safari/537.36", "Chrome on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Macintosh) Version/18 Safari/605", "Safari on macOS"),
        ("Mozilla/5.0 (Android 15; Mobile) Firefox/140.0", "Firefox on Android"),
        ("curl/8.9", "curl/8.9"),
        ("", "Unknown program"),
        ("evil\r\n\x00", "evil"),
    ],
)
def test_programs_are_named_as_people_know_them(agent: str, name: str) -> None:
    assert Client("127.0.0.1", agent).name == name
