"""Every route with every role, without a sign-in, and with another team's ids."""

import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from httpx import AsyncClient, Response
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Role, Scope
from copilot.mind.memory import Memory
from copilot.ports import Owner
from copilot.retrieval.drafts import About
from copilot.retrieval.packs.edits import Edit
from copilot.store.log import Store, utc_now
from copilot.store.mind.rows import Delivery, Hook
from copilot.store.team import TeamCalls
from copilot.web.access import Needs, needs_of
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.helpers import Call
from tests.tenants import OPERATOR, Tenants, make_accounts, make_tenants, sign
from tests.website import ADDRESS, make_services

SECRET = "whsec_" + "A" * 44
CALLERS = [*Role, OPERATOR]
SAFE = {"GET", "HEAD"}
BODIES: dict[str, object] = {
    "PATCH /api/v1/people/{person_id}": {"roles": ["agent"]},
    "PUT /api/v1/calls/{call_id}/customer": {"external_id": "1"},
    "POST /api/v1/calls/{call_id}/memory": {"text": "x"},
    "PATCH /api/v1/memory/{fact_id}": {"text": "x"},
    "PUT /api/v1/calls/{call_id}/summary": {"summary": "x"},
    "POST /api/v1/calls/{call_id}/labels": {"inquiry": 1, "verdict": "right"},
    "POST /api/v1/calls/{call_id}/flags": {"note": "listen again"},
    "POST /api/v1/calls/{call_id}/advice": {"text": "offer the refund"},
    "PATCH /api/v1/knowledge/{pack}": {"title": "Other"},
    "POST /api/v1/knowledge/{pack}/passages": {"title": "When?", "text": "Now."},
    "PUT /api/v1/knowledge/{pack}/passages/{path}": {"title": "When?", "text": "Now."},
    "POST /api/v1/knowledge/{pack}/roll-back": {},
}
FORMS: dict[str, dict[str, str]] = {
    "POST /people/{person_id}/roles": {"role": "agent"},
    "POST /memory/{customer_id}/facts/{fact_id}": {"text": "x"},
    "POST /memory/{customer_id}/erase": {"external_id": "customer 1"},
}
"""What a route must be sent to look for the thing at all."""
OTHERS = {"secret", "path", "file_path", "name", "number"}
"""Path parameters that name nothing of a team's."""


ABSENT = {
    "/calls/{call_id}/sound",
    "/calls/{call_id}/audio",
    "/policy/voice",
    "/api/v1/policy/draft/trial",
}
"""What a team need not have: there is no such thing in this walk."""


class Ids(NamedTuple):
    """One of each thing that a team has, by the name of the path parameter."""

    call_id: str
    person_id: str
    invitation_id: str
    token_id: str
    passage_id: str
    pack: str
    job_id: str
    fact_id: str
    delivery_id: str
    customer_id: str
    hook_id: str


class Place(NamedTuple):
    method: str
    path: str
    needs: Needs | None

    @property
    def parameters(self) -> set[str]:
        return set(re.findall(r"{(\w+)}", self.path))

    def url(self, ids: Ids) -> str:
        values = {**dict.fromkeys(OTHERS, "agent.wav"), "number": "1", **ids._asdict()}
        return self.path.format_map({name: quote(value) for name, value in values.items()})


class World(NamedTuple):
    app: Litestar
    tenants: Tenants
    ours: Ids
    theirs: Ids

    def places(self) -> Iterator[Place]:
        for route in self.app.routes:
            if not isinstance(route, HTTPRoute):
                continue
            for method, (handler, _) in route.route_handler_map.items():
                if method == "OPTIONS" and handler.include_in_schema is False:
                    continue  # Litestar's own: tells the methods, and nothing else
                yield Place(method, route.path_format, needs_of(handler))


async def things(tenants: Tenants, services: Services, prefix: str, log: Call) -> Ids:
    """A call, an invitation, a token, a knowledge base and a try of the team's people."""
    accounts = tenants.accounts
    admin, agent = await tenants.who(f"{prefix}admin"), await tenants.who(f"{prefix}agent")
    call_id = f"{prefix or 'our_'}call"
    TeamCalls(services.store, agent.owner, False).append(call_id, log.log)
    pack = await services.desk.create(admin, About(f"{prefix}shop"))
    await services.desk.write(admin, pack, Edit(title="When?", text="Now."))
    job = await services.trial.words(agent, "where is it", (), False)
    await job.wait(10)
    invitation, _ = await accounts.people.invite(admin, f"{prefix}new@example.com", [Role.AGENT])
    token, _ = await accounts.tokens.make(agent, "dialler", [Scope.CALLS_READ])
    memory = Memory(services.store.mind, b"k" * 32, utc_now)
    await memory.bind(agent.team_id, call_id, "customer 1")
    fact = await memory.remember(agent.team_id, call_id, f"{prefix}fact", "x")
    now = utc_now()
    url = f"https://{prefix or 'our_'}crm.example/"
    hook = Hook(0, agent.team_id, url, SECRET, "call.ended", now, "x")
    sent = Delivery(
        0, agent.team_id, call_id, f"{prefix}hook", "m", "e", "", "failed", 9, 0, "", now, now
    )
    await services.store.mind.send([sent])
    [delivery, *_] = await services.store.mind.deliveries(agent.team_id)
    return Ids(
        call_id,
        agent.person_id,
        invitation.id,
        token.id,
        ADDRESS.id,
        pack,
        job.id,
        str(fact.id),
        str(delivery.id),
        memory.customer(agent.team_id, "customer 1"),
        str(await services.store.mind.add_hook(hook)),
    )


@pytest.fixture
async def world(store: Store, tmp_path: Path, asked: Call) -> World:
    tenants = await make_tenants(make_accounts(store))
    services = make_services(store, tmp_path, accounts=tenants.accounts)
    ours = await things(tenants, services, "", asked)
    theirs = await things(tenants, services, "other_", asked)
    services.streams.close()  # streams end at once, for this client waits for the end
    return World(create_app(services), tenants, ours, theirs)


NEVER = Ids(
    "never",
    "never",
    "never",
    "never",
    "never/was#x",
    "never",
    "never",
    "9999",
    "9999",
    "f" * 64,
    "9999",
)

Ask = Callable[[str, Place, Ids], Awaitable[Response]]


@pytest.fixture
def ask(world: World, browse: Callable[[Litestar, str], AsyncClient]) -> Ask:
    """Somebody's request, from a browser of their own."""

    async def asked(who: str, place: Place, ids: Ids) -> Response:
        async with browse(world.app, "http://127.0.0.1:8123") as client:
            if who:
                sign(client, await world.tenants.session(who))
            name = f"{place.method} {place.path}"
            body, form = BODIES.get(name), FORMS.get(name)
            return await client.request(place.method, place.url(ids), json=body, data=form)

    return asked


async def test_every_route_says_what_it_needs(world: World) -> None:
    silent = [f"{one.method} {one.path}" for one in world.places() if one.needs is None]
    assert silent == []


async def test_every_path_parameter_is_of_a_known_kind(world: World) -> None:
    """An id that this walk does not know would not be tried with another team's."""
    unknown = {
        name for place in world.places() for name in place.parameters - OTHERS - {*Ids._fields}
    }
    assert unknown == set()


async def test_a_route_that_says_nothing_is_nobodys(world: World, ask: Ask) -> None:
    async def forgotten() -> str:
        return "secret"

    world.app.register(HTTPRouteHandler("/forgotten", http_method="GET")(forgotten))
    for who in ("", OPERATOR):
        answer = await ask(who, Place("GET", "/forgotten", None), world.ours)
        assert answer.status_code == 403
        assert "secret" not in answer.text


async def test_nobody_is_let_in_without_sign_in(world: World, ask: Ask) -> None:
    for place in world.places():
        answer = await ask("", place, world.ours)
        assert place.needs is not None
        refused = answer.status_code == 401
        assert refused is not place.needs.anybody, (place, answer.status_code)
        if refused:
            assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("who", CALLERS)
async def test_each_role_does_what_it_may_and_nothing_else(
    world: World, ask: Ask, who: str
) -> None:
    caller = await world.tenants.who(who)
    for place in world.places():
        assert place.needs is not None
        may = place.needs.scope is None or caller.may(place.needs.scope)
        if may and place.parameters & {*Ids._fields} and place.method not in SAFE:
            continue  # would change what the next places need; tried with others' ids below
        answer = await ask(who, place, world.ours)
        assert (answer.status_code == 403) is not may, (place, answer.status_code, answer.text)
        assert answer.status_code < 500, (place, answer.text)
        named = place.needs.anybody or place.parameters & OTHERS
        if may and place.method in SAFE and not named:
            own = "token_id" not in place.parameters or who == Role.AGENT
            absent = place.path in ABSENT and answer.status_code == 404
            assert answer.status_code < 400 or absent or not own, (
                place,
                answer.status_code,
                answer.text,
            )


@pytest.mark.parametrize("who", CALLERS)
async def test_another_teams_ids_are_not_there(world: World, ask: Ask, who: str) -> None:
    """404 as for an id that never was: not even that it exists is told."""
    caller: Caller = await world.tenants.who(who)
    theirs = world.theirs._replace(passage_id="nobody/has#this")
    for place in world.places():
        assert place.needs is not None
        may = place.needs.scope is None or caller.may(place.needs.scope)
        if not may or not place.parameters & {*Ids._fields}:
            continue
        answer = await ask(who, place, theirs)
        never = await ask(who, place, NEVER)
        assert (answer.status_code, never.status_code) == (404, 404), (place, answer.text)
        told, known = (one.json() for one in (answer, never))
        assert told.keys() == known.keys()


async def test_what_lists_show_is_of_the_own_team(world: World, ask: Ask) -> None:
    for place in world.places():
        if place.method != "GET" or place.parameters:
            continue
        answer = await ask(OPERATOR, place, world.ours)
        for secret in ("other_", *world.theirs[:4]):
            assert secret not in answer.text, (place.path, secret)


async def test_ids_that_no_database_takes_are_not_there(world: World, ask: Ask) -> None:
    odd = Ids(*["a\0b"] * len(Ids._fields))
    for place in world.places():
        assert place.needs is not None
        if place.parameters & {*Ids._fields}:
            answer = await ask(OPERATOR, place, odd)
            assert answer.status_code == 404, (place, answer.text)


async def test_numbers_that_no_database_takes_are_refused(world: World, ask: Ask) -> None:
    number = str(2**70)
    odd = world.ours._replace(fact_id=number, delivery_id=number, hook_id=number)
    for place in world.places():
        if place.parameters & {"number", "fact_id", "delivery_id", "hook_id"}:
            there = place._replace(path=place.path.replace("{number}", number))
            answer = await ask(Role.ADMIN, there, odd)
            assert answer.status_code in (400, 404), (place, answer.text)


async def test_a_pack_is_one_teams(world: World, ask: Ask) -> None:
    place = Place("GET", "/passages/{passage_id}", None)
    assert (await ask(Role.AGENT, place, world.ours)).status_code == 200
    assert (await ask("other_agent", place, world.ours)).status_code == 404
    async with world.tenants.accounts.office.tables.write() as tables:
        await tables.people.give_pack("parcel", world.tenants.teams["other"])
    assert (await ask(Role.ADMIN, place, world.ours)).status_code == 404
    assert (await ask("other_agent", place, world.ours)).status_code == 200


async def test_an_agent_sees_only_their_own_calls(world: World, ask: Ask, store: Store) -> None:
    colleague = Owner("default", "somebody-else")
    TeamCalls(store, colleague, False).append("colleagues", await store.read("our_call"))
    ids = world.ours._replace(call_id="colleagues")
    place = Place("GET", "/calls/{call_id}", None)
    assert (await ask(Role.AGENT, place, ids)).status_code == 404
    assert (await ask(Role.SUPERVISOR, place, ids)).status_code == 200
    listed = (await ask(Role.AGENT, Place("GET", "/", None), ids)).text
    assert "our_call" in listed
    assert "colleagues" not in listed
