"""The API: described by OpenAPI 3.1, by token or session, with problems that say what is wrong."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from copilot.accounts.roles import Role, Scope
from copilot.store.log import Store
from copilot.web.services import Services
from tests.tenants import HERE as FROM
from tests.tenants import PASSWORD, Tenants, make_accounts, make_tenants, sign
from tests.web.accounts import HERE, Browse
from tests.website import make_services


@pytest.fixture
async def tenants(store: Store) -> Tenants:
    return await make_tenants(make_accounts(store))


@pytest.fixture
def services(store: Store, tmp_path: Path, tenants: Tenants) -> Services:
    return make_services(store, tmp_path, accounts=tenants.accounts)


@pytest.fixture
async def admin(app: Any, browse: Browse, tenants: Tenants) -> AsyncIterator[AsyncClient]:
    async with browse(app, HERE) as client:
        sign(client, await tenants.session("admin"))
        yield client


async def test_the_description(client: AsyncClient) -> None:
    answer = await client.get("/api/openapi.json")
    assert answer.status_code == 200
    described = answer.json()
    assert described["openapi"].startswith("3.1")
    assert {"/api/v1/people", "/api/v1/audit", "/api/v1/tokens"} <= described["paths"].keys()
    assert all(path.startswith("/api/v1/") for path in described["paths"])
    assert described["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    ids = [one["operationId"] for path in described["paths"].values() for one in path.values()]
    assert len(ids) == len(set(ids))


async def test_people_are_invited_changed_and_removed(admin: AsyncClient, tenants: Tenants) -> None:
    body = {"email": "ann@example.com", "roles": ["agent"]}
    made = (await admin.post("/api/v1/invitations", json=body)).json()
    assert made["link"].startswith(f"{HERE}/join/")
    [listed] = (await admin.get("/api/v1/invitations")).json()
    assert listed == {name: value for name, value in made.items() if name != "link"}
    link = made["link"].rpartition("/")[2]
    await tenants.accounts.joining.accept(link, "", "Ann", PASSWORD, FROM)
    people = (await admin.get("/api/v1/people")).json()
    [ann] = [one for one in people if one["email"] == "ann@example.com"]
    where = f"/api/v1/people/{ann['id']}"
    changed = await admin.patch(where, json={"roles": ["team_lead", "agent"]})
    assert changed.json()["roles"] == ["agent", "team_lead"]
    assert (await admin.delete(where)).status_code == 204
    assert (await admin.get(where)).status_code == 404
    acts = [one["act"] for one in (await admin.get("/api/v1/audit?limit=5")).json()]
    assert acts == ["removed", "roles_changed", "signed_in", "joined", "invited"]
    last = (await admin.get("/api/v1/audit?limit=2")).json()[-1]
    older = (await admin.get(f"/api/v1/audit?limit=1&before={last['id']}")).json()
    assert older[0]["act"] == "signed_in"


async def test_an_invitation_is_taken_back(admin: AsyncClient, app: Any, browse: Browse) -> None:
    body = {"email": "ann@example.com", "roles": ["agent"]}
    made = (await admin.post("/api/v1/invitations", json=body)).json()
    assert (await admin.delete(f"/api/v1/invitations/{made['id']}")).status_code == 204
    async with browse(app, HERE) as ann:
        assert (await ann.get(made["link"])).status_code == 404


async def test_a_token_acts_as_far_as_it_reaches(
    admin: AsyncClient, app: Any, browse: Browse
) -> None:
    asked = {"name": "directory", "scopes": ["people:read"], "days": 30}
    made = (await admin.post("/api/v1/tokens", json=asked)).json()
    assert made["token"].startswith("cpt_")
    [listed] = (await admin.get("/api/v1/tokens")).json()
    assert "token" not in listed
    async with browse(app, HERE) as program:
        program.headers["Authorization"] = f"Bearer {made['token']}"
        assert (await program.get("/api/v1/people")).status_code == 200
        body = {"email": "ann@example.com", "roles": ["agent"]}
        refused = await program.post("/api/v1/invitations", json=body)
        assert refused.status_code == 403
        assert "people:write" in refused.json()["detail"]
        another = await program.post("/api/v1/tokens", json=asked)
        assert another.status_code == 403
        assert (await admin.delete(f"/api/v1/tokens/{made['id']}")).status_code == 204
        assert (await program.get("/api/v1/people")).status_code == 401


async def test_a_token_with_the_scope_needs_no_csrf_token(
    tenants: Tenants, app: Any, browse: Browse
) -> None:
    who = await tenants.who("admin")
    _, secret = await tenants.accounts.tokens.make(who, "hr", [Scope.PEOPLE_WRITE])
    async with browse(app, HERE) as program:
        program.headers["Authorization"] = f"bearer {secret}"
        body = {"email": "ann@example.com", "roles": ["agent"]}
        assert (await program.post("/api/v1/invitations", json=body)).status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "says"),
    [
        ("POST", "invitations", {"email": "nobody", "roles": ["agent"]}, 400, "no e-mail address"),
        ("POST", "invitations", {"email": "a@b.cc", "roles": ["king"]}, 400, "king"),
        ("POST", "invitations", {"email": "a@b.cc", "roles": []}, 400, "length >= 1"),
        ("POST", "invitations", {"email": "a@b.cc", "roles": ["agent"], "x": 1}, 400, "x"),
        ("POST", "invitations", {"email": "admin@example.com", "roles": ["agent"]}, 400, "already"),
        ("POST", "tokens", {"name": "x", "scopes": ["teams:write"]}, 400, "cannot give"),
        ("POST", "tokens", {"name": "x", "scopes": ["account"]}, 400, "cannot give"),
        ("GET", "audit?limit=0", None, 400, "limit"),
        ("GET", "audit?limit=1000", None, 400, "limit"),
        ("GET", "audit?before=soon", None, 400, "before"),
        ("GET", "nothing", None, 404, ""),
        ("DELETE", "people", None, 405, ""),
    ],
)
async def test_problems(
    admin: AsyncClient, method: str, path: str, body: object, status: int, says: str
) -> None:
    answer = await admin.request(method, f"/api/v1/{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert says in problem.get("detail", "")


async def test_a_number_that_is_none_of_the_log_has_nothing_before_it(
    admin: AsyncClient,
) -> None:
    for number in (-1, 0, 2**63):
        assert (await admin.get(f"/api/v1/audit?before={number}")).json() == []


async def test_the_last_admin_stays(admin: AsyncClient, tenants: Tenants) -> None:
    root = await tenants.who("root")
    me = (await tenants.who("admin")).person_id
    kept = await admin.delete(f"/api/v1/people/{root.person_id}")
    assert (kept.status_code, "only an operator" in kept.json()["detail"]) == (400, True)
    await tenants.accounts.people.remove(root, root.person_id)
    for answer in (
        await admin.patch(f"/api/v1/people/{me}", json={"roles": ["agent"]}),
        await admin.delete(f"/api/v1/people/{me}"),
    ):
        assert answer.status_code == 400
        assert "only admin" in answer.json()["detail"]


async def test_readiness_tells_strangers_no_more_than_yes_or_no(
    client: AsyncClient, admin: AsyncClient
) -> None:
    assert (await client.get("/ready")).json() == {"ready": True}
    assert "components" in (await admin.get("/ready")).json()


async def test_teams_are_made_by_operators(app: Any, browse: Browse, tenants: Tenants) -> None:
    async with browse(app, HERE) as root:
        sign(root, await tenants.session("root"))
        made = await root.post("/api/v1/teams", json={"name": "Night shift"})
        assert made.status_code == 201
        again = await root.post("/api/v1/teams", json={"name": "night SHIFT"})
        assert again.status_code == 400
        names = [one["name"] for one in (await root.get("/api/v1/teams")).json()]
        assert names == ["Night shift", "default", "other"]
        assert Role.ADMIN in (await tenants.who("root")).roles
