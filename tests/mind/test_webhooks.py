"""Signed messages to a real HTTP server: retried, replayed, logged, never sent into the house."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from standardwebhooks import Webhook as Verifier

from copilot.config.sections import Webhook
from copilot.errors import ConfigError, SettingError
from copilot.mind.sealing import Seal, is_sealed
from copilot.mind.webhooks import RETRIES, Webhooks
from copilot.store.log import Store, open_store
from copilot.store.mind.rows import Hook
from tests.mind.test_memory import traces

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY: dict[str, object] = {"type": "call.confirmed", "data": {"summary": "naïve ✓"}}


class Calendar:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Inbox:
    """A server that answers with what it is told, and keeps what it gets."""

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        pairs = [line.split(": ", 1) for line in head.split("\r\n")[1:] if line]
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((headers, body))
        status = self.statuses.pop(0) if self.statuses else "200 OK"
        if status:
            more = "Location: http://127.0.0.1:9/\r\n" if status.startswith("3") else ""
            writer.write(f"HTTP/1.1 {status}\r\n{more}Content-Length: 0\r\n\r\n".encode())
        writer.close()


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    made = Inbox()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://localhost:{server.sockets[0].getsockname()[1]}/hook"
    yield made
    server.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store(f"sqlite:///{tmp_path / 'copilot.sqlite'}")
    yield made
    await made.close()


def hook(url: str, **more: object) -> Webhook:
    return Webhook.model_validate({"url": url, "secret": SECRET, "private": True, **more})


@asynccontextmanager
async def sending(
    store: Store,
    *hooks: Webhook,
    addresses: Sequence[str] | None = None,
    key: bytes = b"k" * 32,
) -> AsyncIterator[tuple[Webhooks, Calendar]]:
    calendar = Calendar()

    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses or ()

    found = resolve if addresses is not None else None
    made = Webhooks(store.mind, hooks, calendar, found, Seal(key))
    try:
        yield made, calendar
    finally:
        await made.close()


async def test_a_message_is_signed_and_logged(store: Store, inbox: Inbox) -> None:
    async with sending(store, hook(inbox.url)) as (made, _):
        assert await made.announce("default", "call", "call.confirmed", BODY) == 1
        assert await made.send_due() == 1
        assert await made.send_due() == 0
    [(headers, body)] = inbox.got
    assert Verifier(SECRET).verify(body, headers) == BODY
    with pytest.raises(Exception, match="matching signature"):
        Verifier("whsec_" + "A" * 32).verify(body, headers)
    [entry] = await store.mind.deliveries("default")
    assert (entry.state, entry.status, entry.tries) == ("delivered", 200, 1)
    assert headers["host"].startswith("localhost:")


async def test_a_failure_is_tried_again_later_with_the_same_message(
    store: Store, inbox: Inbox
) -> None:
    inbox.statuses = ["500 No", "302 Found", "", "200 OK"]
    async with sending(store, hook(inbox.url)) as (made, calendar):
        await made.announce("default", "call", "call.ended", BODY)
        told = []
        for seconds in (0, *RETRIES[:3]):
            if seconds:
                calendar.now += timedelta(seconds=seconds - 1)
                assert await made.send_due() == 0  # not yet
                calendar.now += timedelta(seconds=1)
            assert await made.send_due() == 1
            [entry] = await store.mind.deliveries("default")
            told.append(entry.told.split(":")[0])
    assert told == ["HTTP 500", "HTTP 302", "RemoteProtocolError", ""]
    ids = {headers["webhook-id"] for headers, _ in inbox.got}
    assert len(ids) == 1
    assert len(inbox.got) == 4


async def test_after_the_last_try_it_has_failed_and_can_be_sent_again(
    store: Store, inbox: Inbox
) -> None:
    inbox.statuses = ["503 No"] * (len(RETRIES) + 1)
    async with sending(store, hook(inbox.url)) as (made, calendar):
        await made.announce("default", "call", "call.ended", BODY)
        for _ in range(len(RETRIES) + 3):
            await made.send_due()
            calendar.now += timedelta(days=2)
        [entry] = await store.mind.deliveries("default")
        assert (entry.state, entry.tries) == ("failed", len(RETRIES) + 1)
        assert not await made.replay("other", entry.id)
        assert await made.replay("default", entry.id)
        await made.send_due()
        [entry] = await store.mind.deliveries("default")
        assert entry.state == "delivered"


async def test_who_is_gone_is_not_asked_again(store: Store, inbox: Inbox) -> None:
    inbox.statuses = ["410 Gone"]
    async with sending(store, hook(inbox.url)) as (made, _):
        await made.announce("default", "call", "call.ended", BODY)
        await made.send_due()
    [entry] = await store.mind.deliveries("default")
    assert entry.state == "failed"


async def test_only_the_teams_webhooks_that_want_it(store: Store, inbox: Inbox) -> None:
    hooks = (
        hook(inbox.url),
        hook(inbox.url + "/other", team="other"),
        hook(inbox.url + "/ended", events=("call.ended",)),
    )
    async with sending(store, *hooks) as (made, _):
        assert await made.announce("default", "call", "call.confirmed", BODY) == 1
        assert await made.announce("default", "call", "call.ended", BODY) == 2
        assert await made.announce("nobody", "call", "call.ended", BODY) == 0


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "2002:7f00:1::",
        "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "::7f00:1", "::ffff:0:7f00:1", "fec0::1", "5f00::1",
        "3fff::1",
    ],
)  # fmt: skip
async def test_nothing_is_sent_into_the_house(address: str, store: Store) -> None:
    """Also where only one of the name's addresses is inside."""
    outside = hook("https://crm.example/hook", private=False)
    async with sending(store, outside, addresses=["93.184.215.14", address]) as (made, _):
        await made.announce("default", "call", "call.ended", BODY)
        await made.send_due()
    [entry] = await store.mind.deliveries("default")
    assert entry.state == "due"
    assert f"crm.example is {address}, an address inside" in entry.told


@pytest.mark.parametrize(
    "host",
    [
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "localhost.",
    ],
)
async def test_a_host_written_otherwise_is_still_inside(host: str, store: Store) -> None:
    """By the resolver of this machine."""
    async with sending(store) as (made, _):
        with pytest.raises(SettingError, match=r"an address inside|has no address"):
            await made.add("default", f"https://{host}/hook", ["call.ended"], "anna")
    assert await store.mind.hooks("default") == []


async def test_a_name_of_other_letters_is_written_as_the_net_has_it(
    store: Store, inbox: Inbox
) -> None:
    port = inbox.url.split(":")[2].split("/")[0]
    far = hook(f"http://bücher.example:{port}/hook")
    async with sending(store, far, addresses=["127.0.0.1"]) as (made, _):
        await made.announce("default", "call", "call.ended", BODY)
        assert await made.send_due() == 1
    [(headers, _)] = inbox.got
    assert headers["host"] == f"xn--bcher-kva.example:{port}"


@pytest.mark.parametrize(
    "host", ["a" * 64 + ".example", "xn--a.example", "a..example", "a b", "%00"]
)
async def test_no_host_ends_the_sending(host: str, store: Store, inbox: Inbox) -> None:
    """It is refused where it is added; one that is there nevertheless fails by itself."""
    now = datetime.now(UTC)
    bad = Hook(0, "default", f"https://{host}/", SECRET, "", now, "anna")
    await store.mind.add_hook(bad)
    async with sending(store, hook(inbox.url)) as (made, _):
        with pytest.raises(SettingError, match=r"give a URL|has no address"):
            await made.add("other", bad.url, ["call.ended"], "anna")
        await made.announce("default", "call", "call.ended", BODY)
        assert await made.send_due() == 2
    assert len(inbox.got) == 1
    [one, _] = await store.mind.deliveries("default")
    assert (one.state, bool(one.told)) == ("due", True)


async def test_a_place_that_does_not_answer_holds_nobody_up(store: Store, inbox: Inbox) -> None:
    """The others' messages are delivered while one server is silent."""
    silent = asyncio.Event()

    async def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    slow = hook(f"http://localhost:{server.sockets[0].getsockname()[1]}/hook")
    async with sending(store, slow, hook(inbox.url)) as (made, _):
        await made.announce("default", "call", "call.ended", BODY)
        work = asyncio.create_task(made.send_due())
        async with asyncio.timeout(10):
            while not inbox.got:
                await asyncio.sleep(0.01)
        assert not work.done()
        silent.set()
        assert await work == 2
    server.close()


async def test_the_database_has_no_secret(store: Store, tmp_path: Path) -> None:
    """What it has signs for nobody, is not good for another team or place, and tells who asks."""
    async with sending(store, addresses=["93.184.215.14"]) as (made, _):
        added = await made.add("default", "https://crm.example/hook", ["call.ended"], "anna")
        [wanting] = await made._wanting("default")
        assert wanting.secret.get_secret_value() == added.secret
        [kept] = await store.mind.hooks()
        assert is_sealed(kept.secret)
        moved = msgspec.structs.replace(kept, url="https://evil.example/")
        assert made._opened(moved).secret.get_secret_value() == ""
    assert traces(tmp_path, added.secret.removeprefix("whsec_")) == []
    async with sending(store, addresses=["93.184.215.14"], key=b"o" * 32) as (made, _):
        await made.announce("default", "call", "call.ended", BODY)
        assert await made.send_due() == 1
    [entry] = await store.mind.deliveries("default")
    assert (entry.state, entry.told[:28]) == ("due", "its secret cannot be read: m")


async def test_secrets_of_an_earlier_version_are_sealed(store: Store, tmp_path: Path) -> None:
    """Once, and no file has them as they were."""
    now = datetime.now(UTC)
    for team in ("one", "two"):
        await store.mind.add_hook(
            Hook(0, team, "https://crm.example/", SECRET, "call.ended", now, "anna")
        )
    assert traces(tmp_path, SECRET)
    async with sending(store, addresses=["93.184.215.14"]) as (made, _):
        assert [await made.seal_secrets(), await made.seal_secrets()] == [2, 0]
        [wanting] = await made._wanting("two")
        assert wanting.secret.get_secret_value() == SECRET
    assert traces(tmp_path, SECRET) == []


async def test_two_processes_send_it_once(store: Store, inbox: Inbox) -> None:
    async with (
        sending(store, hook(inbox.url)) as (one, _),
        sending(store, hook(inbox.url)) as (
            other,
            _,
        ),
    ):
        await one.announce("default", "call", "call.ended", BODY)
        await asyncio.gather(one.send_due(), other.send_due())
    assert len(inbox.got) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"url": "http://crm.example/x", "private": False}, "only https leaves the house"),
        ({"url": "ftp://crm.example/x"}, "give a URL"),
        ({"url": "https://u:p@crm.example/x"}, "give a URL"),
        ({"secret": "whsec_"}, "not a Standard Webhooks secret"),
    ],
)
def test_mistakes_in_settings(given: dict[str, object], told: str, store: Store) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        Webhooks(store.mind, [hook(**{"url": "https://crm.example/x", **given})], Calendar())  # type: ignore[arg-type]
    assert "u:p" not in str(caught.value)


async def test_the_body_is_json_that_any_crm_reads(store: Store, inbox: Inbox) -> None:
    async with sending(store, hook(inbox.url)) as (made, _):
        await made.announce("default", "call", "call.confirmed", BODY)
        await made.send_due()
    assert json.loads(inbox.got[0][1]) == BODY
