"""The browser extension: paired by a code, let in by its tokens, and out when they are revoked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from litestar import Litestar

from copilot.accounts.roles import Role
from copilot.config.sections import EXTENSION
from copilot.core.events import CallEnded, decode_entry
from copilot.store.log import Store
from copilot.store.team import TeamCalls
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.helpers import Call
from tests.tenants import Hands, Tenants, make_accounts, make_tenants
from tests.web.accounts import HERE, PAGE, Browse, sign_in, submit, token_in
from tests.webrtc import Browser
from tests.website import make_services

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
WHERE = "/calls?agent=0&customer=1&earpiece=2&consent=true"
SDP = {"Content-Type": "application/sdp"}


@pytest.fixture
def now() -> Hands:
    return Hands()


@pytest.fixture
async def tenants(store: Store, now: Hands) -> Tenants:
    return await make_tenants(make_accounts(store, now=now))


@pytest.fixture
async def services(store: Store, tmp_path: Path, tenants: Tenants) -> AsyncIterator[Services]:
    made = make_services(store, tmp_path, accounts=tenants.accounts)
    yield made
    await made.switchboard.close()


@pytest.fixture
async def device(app: Litestar, browse: Browse) -> AsyncIterator[AsyncClient]:
    """The extension: a client without cookies."""
    async with browse(app, HERE) as opened:
        yield opened


@pytest.fixture
async def person(app: Litestar, browse: Browse, tenants: Tenants) -> AsyncIterator[AsyncClient]:
    """The agent's browser, signed in."""
    async with browse(app, HERE) as opened:
        await sign_in(opened, tenants, "agent")
        yield opened


async def ask(device: AsyncClient, **more: str) -> dict[str, Any]:
    answer = await device.post("/auth/device", data={"client_id": "extension", **more})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


async def exchange(device: AsyncClient, code: str) -> Response:
    fields = {"grant_type": GRANT, "device_code": code, "client_id": "extension"}
    return await device.post("/auth/token", data=fields)


async def refresh(device: AsyncClient, token: str) -> Response:
    return await device.post(
        "/auth/token", data={"grant_type": "refresh_token", "refresh_token": token}
    )


async def approve(person: AsyncClient, code: str, answer: str = "approve") -> Response:
    return await submit(person, "/pair", f"/pair?code={code}", code=code, answer=answer)


async def pair(device: AsyncClient, person: AsyncClient) -> dict[str, Any]:
    asked = await ask(device)
    assert "Paired" in (await approve(person, asked["user_code"])).text
    answer = await exchange(device, asked["device_code"])
    assert answer.status_code == 200
    return dict(answer.json())


def bearer(pair: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair['access_token']}"}


async def test_a_device_is_paired(
    device: AsyncClient, person: AsyncClient, tenants: Tenants
) -> None:
    asked = await ask(device)
    code = asked["user_code"]
    assert asked["verification_uri"] == f"{HERE}/pair"
    assert asked["verification_uri_complete"] == f"{HERE}/pair?code={code}"
    assert (asked["expires_in"], asked["interval"]) == (600, 2)
    waiting = await exchange(device, asked["device_code"])
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")

    shown = await person.get(f"/pair?code={code.lower().replace('-', ' ')}", headers=PAGE)
    assert code in shown.text
    assert "place calls" in shown.text
    assert "Paired" in (await approve(person, code)).text
    answer = await exchange(device, asked["device_code"])
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert body["user"] == {
        "name": "agent",
        "email": tenants.emails["agent"],
        "team": "default",
        "roles": ["agent"],
    }
    me = (await device.get("/auth/me", headers=bearer(body))).json()
    assert me["email"] == tenants.emails["agent"]
    assert me["scopes"] == ["calls:place", "calls:read", "knowledge:read"]
    assert (await exchange(device, asked["device_code"])).json()["error"] == "invalid_grant"
    listed = (await person.get("/account", headers=PAGE)).text
    assert "Paired extensions" in listed


async def test_a_device_that_asks_too_often_is_slowed_down(device: AsyncClient, now: Hands) -> None:
    asked = await ask(device)
    errors = []
    for seconds in (2, 1, 2):
        now.forward(seconds=seconds)
        errors.append((await exchange(device, asked["device_code"])).json()["error"])
    assert errors == ["authorization_pending", "slow_down", "authorization_pending"]


async def test_a_refusal_and_a_code_that_is_late(
    device: AsyncClient, person: AsyncClient, now: Hands
) -> None:
    asked = await ask(device)
    assert "Refused" in (await approve(person, asked["user_code"], "refuse")).text
    assert (await exchange(device, asked["device_code"])).json()["error"] == "access_denied"
    late = await ask(device)
    now.forward(seconds=600)
    assert (await exchange(device, late["device_code"])).json()["error"] == "expired_token"
    gone = await person.get(f"/pair?code={late['user_code']}", headers=PAGE)
    assert gone.status_code == 404
    assert "No device waits with that code" in gone.text


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": GRANT, "device_code": "x", "client_id": "someone"}, "invalid_client"),
        ({"grant_type": GRANT, "device_code": "x", "client_id": "extension"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
    ],
)
async def test_errors_have_their_names(
    device: AsyncClient, fields: dict[str, str], error: str
) -> None:
    answer = await device.post("/auth/token", data=fields)
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"]


async def test_scopes_are_what_was_asked_and_what_the_person_has(
    device: AsyncClient, person: AsyncClient
) -> None:
    asked = await ask(device, scope="calls:read people:write account nonsense")
    await approve(person, asked["user_code"])
    made = (await exchange(device, asked["device_code"])).json()
    me = (await device.get("/auth/me", headers=bearer(made))).json()
    assert me["scopes"] == ["calls:read"]
    nothing = await device.post("/auth/device", data={"client_id": "extension", "scope": "account"})
    assert nothing.json()["error"] == "invalid_scope"


async def test_tokens_rotate_and_a_copy_ends_the_family(
    device: AsyncClient, person: AsyncClient, now: Hands
) -> None:
    first = await pair(device, person)
    now.forward(minutes=10)
    second = (await refresh(device, first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    now.forward(minutes=6)
    assert (await device.get("/auth/me", headers=bearer(first))).status_code == 401
    assert (await device.get("/auth/me", headers=bearer(second))).status_code == 200
    copied = await refresh(device, first["refresh_token"])
    assert copied.json()["error"] == "invalid_grant"
    for token in (first, second):
        assert (await device.get("/auth/me", headers=bearer(token))).status_code == 401
    assert (await refresh(device, second["refresh_token"])).status_code == 400


async def test_an_answer_that_was_lost_can_be_asked_for_again(
    device: AsyncClient, person: AsyncClient, now: Hands
) -> None:
    first = await pair(device, person)
    await refresh(device, first["refresh_token"])
    now.forward(seconds=30)
    again = (await refresh(device, first["refresh_token"])).json()
    assert (await device.get("/auth/me", headers=bearer(again))).status_code == 200
    assert (await refresh(device, again["refresh_token"])).status_code == 200


async def test_a_session_is_no_bearer_and_a_token_no_cookie(
    device: AsyncClient, person: AsyncClient, tenants: Tenants
) -> None:
    session = await tenants.session("agent")
    answer = await device.get("/auth/me", headers={"Authorization": f"Bearer {session}"})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    made = await pair(device, person)
    refreshing = {"Authorization": f"Bearer {made['refresh_token']}"}
    assert (await device.get("/auth/me", headers=refreshing)).status_code == 401
    device.cookies.set("copilot", made["access_token"])
    assert (await device.get("/auth/me")).status_code == 401


async def test_a_token_in_the_address_is_none(device: AsyncClient, person: AsyncClient) -> None:
    made = await pair(device, person)
    answer = await device.get(f"/changes?access_token={made['access_token']}")
    assert answer.status_code == 401


async def test_without_sign_in_everybody_is_the_local_admin(
    store: Store, tmp_path: Path, browse: Browse
) -> None:
    async with browse(create_app(make_services(store, tmp_path)), HERE) as client:
        me = (await client.get("/auth/me")).json()
        assert (me["name"], me["team"], me["roles"]) == ("Local admin", "default", ["admin"])
        assert me["sign_in"] is False
        page = (await client.get("/account", headers=PAGE)).text
        assert "Sign-in is off" in page
        assert "No pairing is needed" in (await client.get("/pair", headers=PAGE)).text


async def test_without_sign_in_nobody_else_is_served(store: Store, tmp_path: Path) -> None:
    """A proxy in front of the loopback would make everybody on the network the admin."""
    app: Any = create_app(make_services(store, tmp_path))
    transport = ASGITransport(app, client=("203.0.113.9", 4711))
    async with AsyncClient(transport=transport, base_url=HERE) as client:
        answer = await client.get("/")
    assert answer.status_code == 403
    assert "accounts.required = true" in answer.json()["detail"]


# ---- CORS


async def test_the_extension_may_read_answers_and_nobody_else(
    services: Services, tenants: Tenants, browse: Browse
) -> None:
    app = create_app(replace(services, origins=frozenset({EXTENSION})))
    wanted = "authorization,content-type,if-match,last-event-id"
    asks = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": wanted}
    async with browse(app, HERE) as client:
        ours = await client.options("/calls/x", headers={"Origin": EXTENSION, **asks})
        assert ours.status_code == 204
        assert ours.headers["access-control-allow-origin"] == EXTENSION
        assert "access-control-allow-credentials" not in ours.headers
        me = await client.get("/auth/me", headers={"Origin": EXTENSION})
        assert me.status_code == 401
        assert me.headers["access-control-allow-origin"] == EXTENSION
        exposed = me.headers["access-control-expose-headers"].lower()
        assert {"location", "link", "etag"} <= {one.strip() for one in exposed.split(",")}
        for other in ("https://evil.example", f"{EXTENSION}x", "null"):
            told = await client.options("/calls/x", headers={"Origin": other, **asks})
            assert told.status_code == 400
            told = await client.get("/auth/me", headers={"Origin": other})
            assert "access-control-allow-origin" not in told.headers


# ---- calls and streams of somebody whose access ends


async def place(device: AsyncClient, made: dict[str, Any]) -> tuple[Browser, Response]:
    browser = Browser()
    answer = await device.post(
        WHERE, content=await browser.offer(), headers={**SDP, **bearer(made)}
    )
    assert answer.status_code == 201, answer.text
    await browser.accept(answer.text)
    return browser, answer


async def test_a_call_by_token_is_its_persons(
    device: AsyncClient, person: AsyncClient, tenants: Tenants, app: Litestar, browse: Browse
) -> None:
    made = await pair(device, person)
    browser, answer = await place(device, made)
    where = answer.headers["location"]
    assert (await person.get(where)).status_code == 200
    for who, seen in (("supervisor", 200), ("other_supervisor", 404), ("other_admin", 404)):
        async with browse(app, HERE) as other:
            await sign_in(other, tenants, who)
            assert (await other.get(where)).status_code == seen
            token = token_in((await other.get("/account", headers=PAGE)).text)
            headers = {"X-CSRF-Token": token, "If-Match": "*"}
            sdp = await Browser().offer()
            resume = f"{WHERE}&call={where.rpartition('/')[2]}"
            taken = await other.post(resume, content=sdp, headers={**SDP, **headers})
            assert taken.status_code == 404
            assert (await other.delete(where, headers=headers)).status_code == 404
            kind = {"Content-Type": "application/trickle-ice-sdpfrag"}
            trickled = await other.patch(where, content="", headers={**headers, **kind})
            assert trickled.status_code == 404
    assert (await device.delete(where, headers=bearer(made))).status_code == 200
    await browser.close()


async def opened(services: Services, visits: int) -> None:
    async with asyncio.timeout(10):
        while len(services.accounts.presence._visits) < visits:
            await asyncio.sleep(0.01)


async def test_a_revoked_device_loses_its_call_and_its_streams_at_once(
    device: AsyncClient, person: AsyncClient, services: Services, store: Store
) -> None:
    made = await pair(device, person)
    browser, answer = await place(device, made)
    where = answer.headers["location"]
    changes = asyncio.create_task(device.get("/changes", headers=bearer(made)))
    live = asyncio.create_task(device.get(f"{where}/live", headers=bearer(made)))
    await opened(services, 3)
    gone = await device.post("/auth/revoke", data={"token": made["refresh_token"]})
    assert gone.status_code == 200
    async with asyncio.timeout(5):
        assert (await changes).status_code == 200
        assert (await live).status_code == 200
        log = [entry async for entry in store.follow(where.rpartition("/")[2])]
    assert log[-1].event == CallEnded("revoked")
    assert (await device.get("/changes", headers=bearer(made))).status_code == 401
    again = await device.post("/auth/revoke", data={"token": "never was"})
    assert again.status_code == 200
    await browser.close()


async def test_an_admin_removes_somebody_in_mid_session(
    person: AsyncClient, services: Services, tenants: Tenants, app: Litestar, browse: Browse
) -> None:
    changes = asyncio.create_task(person.get("/changes"))
    await opened(services, 1)
    me = await tenants.who("agent")
    async with browse(app, HERE) as admin:
        await sign_in(admin, tenants, "admin")
        answer = await submit(admin, f"/people/{me.person_id}/remove", "/people")
        assert answer.status_code == 303
        async with asyncio.timeout(5):
            await changes
        audit = (await admin.get("/audit", headers=PAGE)).text
        assert "Removed" in audit
        assert tenants.emails["agent"] in audit
    assert (await person.get("/auth/me")).status_code == 401
    away = await person.get("/", headers=PAGE)
    assert away.headers["location"] == "/sign-in?next=%2F"


async def test_a_role_that_is_lost_closes_what_needs_it(
    services: Services, tenants: Tenants, app: Litestar, browse: Browse
) -> None:
    async with browse(app, HERE) as watcher:
        await sign_in(watcher, tenants, "supervisor")
        changes = asyncio.create_task(watcher.get("/changes"))
        await opened(services, 1)
        admin, they = await tenants.who("admin"), await tenants.who("supervisor")
        await services.accounts.people.set_roles(admin, they.person_id, {Role.AGENT})
        await services.accounts.presence.check()
        async with asyncio.timeout(5):
            await changes
        assert (await watcher.get("/auth/me")).json()["roles"] == ["agent"]


async def test_a_session_that_runs_out_loses_its_streams(
    person: AsyncClient, services: Services, now: Hands
) -> None:
    changes = asyncio.create_task(person.get("/changes"))
    await opened(services, 1)
    await services.accounts.presence.check()
    assert not changes.done()
    now.forward(hours=8)
    await services.accounts.presence.check()
    async with asyncio.timeout(5):
        await changes


async def test_the_live_stream_is_read_by_the_header(
    device: AsyncClient, person: AsyncClient, store: Store, tenants: Tenants, asked: Call
) -> None:
    TeamCalls(store, (await tenants.who("agent")).owner, False).append("c1", asked.log)
    made = await pair(device, person)
    seen = {"Last-Event-ID": "20", **bearer(made)}
    answer = await device.get("/calls/c1/live", headers=seen)
    lines = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert decode_entry(lines[0].removeprefix("data: ").encode()).seq == 21
