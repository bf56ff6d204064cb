"""Every operation of the API with made-up requests: no 500, and only answers as described."""

import asyncio
import os
from pathlib import Path
from typing import Any, cast

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
from copilot.store.log import open_store
from copilot.store.team import TeamCalls
from copilot.web.app import create_app
from tests.helpers import Call
from tests.tenants import make_accounts, make_tenants, sign
from tests.website import Clock, make_services

HERE = "http://127.0.0.1:8123"
API = f"{HERE}/api/v1"
EXAMPLES = int(os.environ.get("COPILOT_FUZZ", "6"))
"""Requests for each operation, as often good ones as bad ones; hunts for bugs set hundreds."""
SECONDS = 20
"""No answer takes longer, streams included."""
CHECKS: Any = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
LAST = ("/erase", "/purge", "/retire")
"""What leaves less for other operations to find, beside DELETE."""


class World:
    """The application on a loop of its own, with one of each thing in it."""

    def __init__(self, folder: Path, asked: Call, agent: bool) -> None:
        self._runner = asyncio.Runner()
        self.client, self.schema, self.ids = self.run(self._open(folder, asked, agent))

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

    async def _open(self, folder: Path, asked: Call, agent: bool) -> Any:
        self._store = await open_store(f"sqlite+aiosqlite:///{folder / 'calls.sqlite'}", Clock())
        tenants = await make_tenants(make_accounts(self._store))
        accounts = tenants.accounts if agent else None
        self.services = make_services(self._store, folder, accounts=accounts)
        self.app = create_app(self.services)
        caller = await tenants.who("agent") if agent else everybody("")
        TeamCalls(self._store, caller.owner, False).append("our_call", asked.log)
        while self._store.lag:
            await asyncio.sleep(0.01)
        admin = self._client()
        if agent:
            sign(admin, await tenants.session("admin"))
        ids = await _things(admin)
        described = (await admin.get("/api/openapi.json")).json()
        await admin.aclose()
        client = self._client()
        if agent:
            _, secret = await tenants.accounts.tokens.make(
                caller, "fuzz", GRANTABLE & caller.scopes
            )
            client.headers["Authorization"] = f"Bearer {secret}"
        return client, schemathesis.openapi.from_dict(described), ids

    async def _close(self) -> None:
        await self.client.aclose()
        await self._store.close()

    def _client(self) -> AsyncClient:
        return AsyncClient(
            transport=ASGITransport(cast(Any, self.app), raise_app_exceptions=False), base_url=HERE
        )


async def _things(admin: AsyncClient) -> dict[str, Any]:
    """One of each thing that is in the paths, by the name of the path parameter."""

    async def made(path: str, body: object, method: str = "POST") -> Any:
        answer = await admin.request(method, f"{API}{path}", json=body)
        assert answer.is_success, (path, answer.text)
        return answer.json() if answer.content else None

    await made("/calls/our_call/labels", {"inquiry": 1, "verdict": "right"})
    await made("/calls/our_call/flags", {"tick": 1})
    await made("/calls/our_call/customer", {"external_id": "1"}, "PUT")
    fact = await made("/calls/our_call/memory", {"text": "has a dog"})
    pack = (await made("/knowledge", {"title": "Shop"}))["name"]
    passage = await made(f"/knowledge/{pack}/passages", {"title": "When?", "text": "Now."})
    job = await made("/try", {"text": "where is it"})
    people = (await admin.get(f"{API}/people")).json()
    invited = await made("/invitations", {"email": "ann@example.com", "roles": ["agent"]})
    return {
        "call_id": "our_call",
        "fact_id": fact["id"],
        "pack": pack,
        "path": passage["id"],
        "job_id": job["id"],
        "name": "faq.md",
        "number": 1,
        "person_id": people[0]["id"] if people else "nobody",
        "invitation_id": invited["id"],
        "token_id": "none",
        "delivery_id": 1,
    }


def _order(label: str) -> bool:
    return label.startswith("DELETE") or label.endswith(LAST)


@pytest.mark.parametrize("agent", [False, True], ids=["admin without sign-in", "agent by token"])
def test_answers_are_as_described(
    agent: bool, tmp_path: Path, asked: Call, subtests: pytest.Subtests
) -> None:
    world = World(tmp_path, asked, agent)
    try:
        operations = [one.ok() for one in world.schema.get_all_operations()]
        assert len(operations) > 60
        for operation in sorted(operations, key=lambda one: _order(one.label)):
            with subtests.test(operation.label):
                _fuzz(world, operation)
    finally:
        world.close()


def _fuzz(world: World, operation: Any) -> None:
    """Known ids in every other request."""
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
            for name in case.path_parameters or {}:
                case.path_parameters[name] = world.ids[name]
        case.validate_response(world.send(case), checks=CHECKS)

    check()
