"""Every operation of the API with made-up requests: no 500, and only answers as described."""

import asyncio
import os
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import pytest
import requests
import schemathesis
from httpx import ASGITransport, AsyncClient, Response
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from copilot.accounts.caller import everybody
from copilot.accounts.roles import GRANTABLE
from copilot.store.log import open_store, utc_now
from copilot.store.mind.rows import Delivery, Hook
from copilot.store.team import TeamCalls
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.helpers import Call
from tests.tenants import OPERATOR, make_accounts, make_tenants, sign
from tests.website import Clock, make_services

HERE = "http://127.0.0.1:8123"
API = f"{HERE}/api/v1"
EXAMPLES = int(os.environ.get("COPILOT_FUZZ", "5"))
"""Requests for each operation, as often good ones as bad ones; hunts for bugs set hundreds."""
SECONDS = 20
"""No answer takes longer, streams included."""
CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
CALLERS = ["local admin", "agent", OPERATOR]
"""Without sign-in, by token, and by session."""
POSTGRES = "postgres"
WORLDS = [
    *((who, "sqlite") for who in CALLERS),
    pytest.param(OPERATOR, POSTGRES, marks=pytest.mark.postgres),
]
"""Who asks, and over which database: whoever may do all asks over the second one, too."""
LAST = ("/erase", "/purge")
"""What leaves nothing for other operations to find."""


class World:
    """The application on a loop of its own, with one of each thing in it."""

    def __init__(self, folder: Path, url: str, asked: Call, who: str) -> None:
        self._runner = asyncio.Runner()
        self.client, self.schema, self.ids = self.run(self._open(folder, url, asked, who))

    def run(self, work: Any) -> Any:
        return self._runner.run(asyncio.wait_for(work, SECONDS))

    def close(self) -> None:
        self.run(self._close())
        self._runner.close()

    def send(self, case: Case[Any]) -> Response:
        """The case as `requests` would put it on the wire."""
        sent = requests.Request(**case.as_transport_kwargs(base_url=HERE)).prepare()
        headers = [
            (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
            for name, value in sent.headers.items()
            if name.lower() != "authorization"  # the client has its own
        ]
        body = sent.body.encode() if isinstance(sent.body, str) else sent.body
        work = self.client.request(sent.method, sent.url, headers=headers, content=body)
        return cast(Response, self.run(work))

    async def _open(self, folder: Path, url: str, asked: Call, who: str) -> Any:
        self._store = await open_store(url, Clock())
        tenants = await make_tenants(make_accounts(self._store))
        local = who not in tenants.emails
        accounts = None if local else tenants.accounts
        services = make_services(self._store, folder, accounts=accounts)
        self.app = create_app(services)
        caller = everybody() if local else await tenants.who(who)
        TeamCalls(self._store, caller.owner, False).append("our_call", asked.log)
        while self._store.lag:
            await asyncio.sleep(0.01)
        client = self._client()
        if not local:
            sign(client, await tenants.session(OPERATOR))
        ids = await _things(client, services)
        described = (await client.get("/api/openapi.json")).json()
        if who == "agent":
            await client.aclose()
            client = self._client()
            scopes = GRANTABLE & caller.scopes
            _, secret = await tenants.accounts.tokens.make(caller, "fuzz", scopes)
            client.headers["Authorization"] = f"Bearer {secret}"
        return client, schemathesis.openapi.from_dict(described), ids

    async def _close(self) -> None:
        await self.client.aclose()
        await self._store.close()

    def _client(self) -> AsyncClient:
        return AsyncClient(
            transport=ASGITransport(cast(Any, self.app), raise_app_exceptions=False), base_url=HERE
        )


async def _things(admin: AsyncClient, services: Services) -> dict[str, Any]:
    """One of each thing that is in the paths, by the name of the path parameter."""

    async def made(path: str, body: object, method: str = "POST") -> Any:
        answer = await admin.request(method, f"{API}{path}", json=body)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    call = "/calls/our_call"
    await made(f"{call}/labels", {"inquiry": 1, "verdict": "right"})
    await made(f"{call}/flags", {"tick": 1})
    [flag] = (await admin.get(f"{API}{call}/flags")).json()
    await made(f"{call}/customer", {"external_id": "1"}, "PUT")
    fact = await made(f"{call}/memory", {"text": "has a dog"})
    pack = (await made("/knowledge", {"title": "Shop"}))["name"]
    passage = await made(f"/knowledge/{pack}/passages", {"title": "When?", "text": "Now."})
    job = await made("/try", {"text": "where is it"})
    invited = await made("/invitations", {"email": "ann@example.com", "roles": ["agent"]})
    person = token = "none"
    if services.accounts.required:
        people = (await admin.get(f"{API}/people")).json()
        person = next(one["id"] for one in people if one["email"].startswith("supervisor"))
        token = (await made("/tokens", {"name": "hr", "scopes": ["people:read"]}))["id"]
    now = utc_now()
    sent = Delivery(0, "default", "our_call", "hook", "m", "e", "", "failed", 9, 0, "", now, now)
    await services.store.mind.send([sent])
    [delivery] = await services.store.mind.deliveries("default")
    hook = Hook(0, "default", "https://crm.example/", "whsec_" + "A" * 44, "call.ended", now, "x")
    ids = {
        "call_id": "our_call",
        "number": flag["id"],
        "fact_id": fact["id"],
        "pack": pack,
        "path": passage["id"],
        "job_id": job["id"],
        "person_id": person,
        "invitation_id": invited["id"],
        "token_id": token,
        "delivery_id": delivery.id,
        "hook_id": await services.store.mind.add_hook(hook),
    }
    return {name: quote(str(value)) for name, value in ids.items()}


def _order(operation: Any) -> tuple[int, int]:
    """What takes things away comes late, and of that first what lies deepest."""
    if operation.path.endswith(LAST):
        return 2, 0
    takes = operation.method == "delete" or "/files/" in operation.path
    return takes, -operation.path.count("/") if takes else 0


@pytest.mark.parametrize(("who", "database"), WORLDS)
def test_answers_are_as_described(
    who: str,
    database: str,
    tmp_path: Path,
    asked: Call,
    request: pytest.FixtureRequest,
    subtests: pytest.Subtests,
) -> None:
    url = f"sqlite:///{tmp_path / 'calls.sqlite'}"
    if database == POSTGRES:
        url = request.getfixturevalue("cluster").new_url()
    world = World(tmp_path, url, asked, who)
    try:
        operations = [one.ok() for one in world.schema.get_all_operations()]
        assert len(operations) > 60
        for operation in sorted(operations, key=_order):
            with subtests.test(operation.label):
                _fuzz(world, operation)
    finally:
        world.close()


def _fuzz(world: World, operation: Any) -> None:
    """Every other request has ids of things that are there."""
    ids = {**world.ids, "name": "faq.md" if "/files/" in operation.path else "store"}
    good = operation.as_strategy(GenerationMode.POSITIVE)
    bad = operation.as_strategy(GenerationMode.NEGATIVE)

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=good | bad, known=st.booleans())
    def check(case: Case[Any], known: bool) -> None:
        if known:
            case.path_parameters = {name: ids[name] for name in case.path_parameters or {}}
        case.validate_response(world.send(case), checks=CHECKS)

    check()
