"""Headers on every answer, foreign hosts and origins refused, faults told without a traceback."""

import logging
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from httpx import AsyncClient
from litestar import Litestar, get

from copilot.errors import StoreError
from copilot.store.log import Store
from copilot.web.access import ANYBODY
from copilot.web.app import create_app
from copilot.web.guard import HEADERS
from copilot.web.services import Services

Browse = Callable[[Litestar, str], AsyncClient]
PAGE = {"Accept": "text/html"}


@pytest.mark.parametrize("path", ["/", "/try", "/nothing", "/health", "/static/style.css"])
async def test_every_answer_is_hardened(client: AsyncClient, path: str) -> None:
    answer = await client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value


async def test_no_page_has_an_inline_script_or_style(client: AsyncClient) -> None:
    for path in ("/", "/try", "/nothing"):
        text = (await client.get(path, headers=PAGE)).text
        scripts = [part.split(">")[0] for part in text.split("<script")[1:]]
        assert all("src=" in one or 'type="application/json"' in one for one in scripts)
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick=" not in text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8123", "", "[::1", "localhost.evil"]
)
async def test_foreign_host_names_are_refused(client: AsyncClient, host: str) -> None:
    answer = await client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "server.hosts" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["localhost:8123", "127.0.0.1", "[::1]:8123", "192.168.1.7:80"])
async def test_addresses_and_localhost_are_ours(client: AsyncClient, host: str) -> None:
    assert (await client.get("/", headers={"Host": host})).status_code == 200


async def test_a_configured_name_is_ours(services: Services, browse: Browse) -> None:
    settings = services.settings
    server = settings.server.model_copy(update={"hosts": ("copilot.example",)})
    named = replace(services, settings=settings.model_copy(update={"server": server}))
    async with browse(create_app(named), "http://copilot.example") as client:
        assert (await client.get("/")).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9", "https://127.0.0.1:8123"]
)
async def test_another_origin_may_not_change_anything(client: AsyncClient, origin: str) -> None:
    for method, path in (("POST", "/calls"), ("DELETE", "/calls/x"), ("PATCH", "/calls/x")):
        answer = await client.request(method, path, headers={"Origin": origin})
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:8123", "chrome-extension://abc"])
async def test_own_pages_the_extension_and_other_clients_may(
    services: Services, browse: Browse, origin: str | None
) -> None:
    app = create_app(replace(services, origins=frozenset({"chrome-extension://abc"})))
    headers = {"Origin": origin} if origin else {}
    async with browse(app, "http://127.0.0.1:8123") as client:
        answer = await client.request("DELETE", "/calls/nobody-here", headers=headers)
        assert answer.status_code == 404


async def test_a_wrong_method_is_405(client: AsyncClient) -> None:
    assert (await client.put("/calls")).status_code == 405


async def test_a_bug_is_logged_and_not_shown(
    services: Services, browse: Browse, caplog: pytest.LogCaptureFixture
) -> None:
    @get("/bug", guards=[ANYBODY])
    async def bug() -> None:
        raise RuntimeError("the secret reason")

    app = create_app(services)
    app.register(bug)
    async with browse(app, "http://127.0.0.1") as client:
        with caplog.at_level(logging.ERROR, "copilot.web"):
            page = await client.get("/bug", headers=PAGE)
            problem = await client.get("/bug")
    assert page.status_code == problem.status_code == 500
    assert "Something broke" in page.text
    assert "secret" not in page.text + problem.text
    assert "the secret reason" in caplog.text


async def test_a_store_that_fails_is_503_and_its_address_is_the_logs(
    services: Services, browse: Browse, caplog: pytest.LogCaptureFixture
) -> None:
    @get("/fault", guards=[ANYBODY])
    async def fault() -> None:
        raise StoreError("calls.sqlite: the disk is full; make room")

    app = create_app(services)
    app.register(fault)
    async with browse(app, "http://127.0.0.1") as client:
        page = await client.get("/fault", headers=PAGE)
    assert page.status_code == 503
    assert "calls.sqlite" not in page.text
    assert "log says why" in page.text
    assert "calls.sqlite: the disk is full; make room" in caplog.text


async def test_health_and_readiness(client: AsyncClient, store: Store) -> None:
    assert (await client.get("/health")).text == "ok\n"
    answer = await client.get("/ready")
    assert answer.status_code == 200
    assert answer.json() == {
        "ready": True,
        "version": "1.2.3",
        "components": {"store": "ready"},
        "calls": {"live": 0, "capacity": 20},
        "gauges": {},
    }
    store.fault = "the disk is full"
    answer = await client.get("/ready")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["components"] == {"store": "the disk is full"}
    store.fault = ""


async def test_a_component_that_is_not_ready_is_named(services: Services, browse: Browse) -> None:
    async def ear() -> str:
        return "still loading"

    gauges = {"ear": lambda team_id: {"shed": "wish", "team": team_id}}
    app = create_app(replace(services, checks={"ear": ear}, gauges=gauges))
    async with browse(app, "http://127.0.0.1") as client:
        answer = await client.get("/ready")
    assert answer.status_code == 503
    assert msgspec.json.decode(answer.content)["components"]["ear"] == "still loading"
    assert msgspec.json.decode(answer.content)["gauges"]["ear"] == {
        "shed": "wish",
        "team": "default",
    }


async def test_what_a_component_has_to_say_is_on_the_page(
    services: Services, browse: Browse
) -> None:
    for notice in ("", "The engine is busy <and> says so."):

        def state(team_id: str, said: str = notice) -> dict[str, object]:
            return {"notice": said}

        app = create_app(replace(services, gauges={"ear": state}))
        async with browse(app, "http://127.0.0.1") as client:
            page = (await client.get("/")).text
        assert ("says so" in page) is bool(notice)
        assert "<and>" not in page
