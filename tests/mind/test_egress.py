"""What the service may talk to is what the list says, and nothing else is contacted."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from copilot.assemble import senses, services
from copilot.audio.frames import MicroTurn
from copilot.bench.standin import Manner, standin
from copilot.cli import main
from copilot.config import Settings
from copilot.config.sections import Knowledge, Mind, Privacy, Provider
from copilot.core.events import CallStarted, Compose, DraftReady
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party, TurnText
from copilot.providers import gateway, registry
from copilot.store.log import open_store, utc_now
from copilot.store.mind.rows import Hook
from tests.retrieval.shop import shop

_watching: list[list[str]] = []


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event == "socket.connect":
        _watching[-1].append(str(arguments[1]))
    if _watching and event == "socket.getaddrinfo":
        _watching[-1].append(f"name {arguments[0]!r}")


sys.addaudithook(_hook)  # cannot be taken back: it does nothing unless somebody watches


@pytest.fixture
def contacted() -> Iterator[list[str]]:
    """Every address that this process connects to, and every name that it looks up."""
    found: list[str] = []
    _watching.append(found)
    yield found
    _watching.pop()


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway, also where the package was installed before it had one."""
    real = registry._create

    def create(port: str, *rest: Any) -> object:
        return gateway.mind(rest[0].options, rest[1]) if port == "mind" else real(port, *rest)

    monkeypatch.setattr(registry, "_create", create)


def made(data: Path, folder: Path, **more: Any) -> Settings:
    script = folder / "script.json"
    script.write_text("{}")
    return Settings(
        data=data,
        knowledge=Knowledge(path=shop(folder)),
        ear=Provider.model_validate({"provider": "scripted", "script": str(script)}),
        **more,
    )


async def test_without_a_background_model_nothing_is_contacted(
    data: Path, tmp_path: Path, contacted: list[str]
) -> None:
    async with services(made(data, tmp_path)) as running:
        await running.checks["search"]()
        assert running.gauges["mind"]("default")["configured"] is False
    assert contacted == []


async def test_nothing_but_the_route_is_contacted_and_it_sees_no_card_number(
    data: Path, tmp_path: Path, contacted: list[str]
) -> None:
    async with standin(Manner("NONE")) as server:
        mind = Mind.model_validate({"routes": [{"model": "m", "base_url": server.url}]})
        settings = made(data, tmp_path, mind=mind, policy=Policy(compose=True))
        async with services(settings) as running:
            assert running.background is not None
            composer = running.background.composer("call", "default")
            assert composer is not None
            passage = running.library.packs[0].passages[0]
            said = "my card is 4111 1111 1111 1111 and my name is anna smith"
            ask = Compose(1, said, (TurnText(Party.CUSTOMER, said),), (passage,))
            assert await composer.compose(ask) == DraftReady(1, "", ())
        host, port = server.url.removeprefix("http://").removesuffix("/v1").split(":")
        addresses = {one for one in contacted if not one.startswith("name")}
        assert addresses == {f"('{host}', {port})"}
        assert {one for one in contacted if one.startswith("name")} <= {f"name '{host}'"}
        [body] = server.asked
        assert "4111" not in body
        assert "anna" not in body
        assert "[card 1]" in body


async def test_words_that_the_log_may_not_have(data: Path, tmp_path: Path) -> None:
    said = "my card is 4111 1111 1111 1111 thanks".split()
    words = [{"text": word, "start": 4 * n, "end": 4 * n + 4} for n, word in enumerate(said)]
    script = {"customer": {"words": words}}
    (tmp_path / "said.json").write_bytes(msgspec.json.encode(script))
    settings = made(data, tmp_path, privacy=Privacy(log=("card",)))
    ear = Provider.model_validate({"provider": "scripted", "script": str(tmp_path / "said.json")})
    async with senses(settings.model_copy(update={"ear": ear})) as made_senses:
        hearing = await made_senses.listener.open(CallStarted("call", Policy()))
        heard = []
        for tick in range(1, 200):
            turn = MicroTurn(tick, None, None)  # type: ignore[arg-type]  # nobody listens to sound
            heard.append(await hearing.hear(turn))
    texts = " ".join(w.text for one in heard for w in one.customer.words)
    assert texts == "my card is [card] thanks"
    assert "4111" not in str(heard)


def test_the_list_as_a_command_prints_it(tmp_path: Path) -> None:
    file = tmp_path / "copilot.toml"
    file.write_text("")
    told = CliRunner().invoke(main, ["--config", str(file), "egress", "--json", "-"])
    assert told.output == '{\n  "egress": []\n}\n'
    file.write_text(
        "[chroma]\nurl = 'http://vectors:8000'\n[database]\nurl = 'postgresql://u:pw@db/copilot'\n"
        "[[mind.routes]]\nmodel = 'm'\nbase_url = 'https://models.example/v1'\n"
        "[accounts]\ndomains = ['example.com']\n"
        "[accounts.oidc]\nissuer = 'https://login.example/x'\nclient_id = 'c'\n"
    )
    told = CliRunner().invoke(main, ["--config", str(file), "egress"])
    assert "webhooks that the console has added are not listed" in told.stderr
    lines = told.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        "https://models.example", "https://login.example", "http://vectors:8000", "postgresql://db",
    ]  # fmt: skip
    assert "masked: card, account, email, phone, name" in lines[0]
    assert "pw" not in told.output


async def test_the_list_has_what_admins_have_added(tmp_path: Path) -> None:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'copilot.sqlite'}")
    secret = "whsec_" + "A" * 44
    hook = Hook(0, "team", "https://crm.example/x?key=1", secret, "call.ended", utc_now(), "anna")
    await store.mind.add_hook(hook)
    await store.close()
    file = tmp_path / "copilot.toml"
    file.write_text(f"data = '{tmp_path}'\n")
    told = await asyncio.to_thread(
        CliRunner().invoke, main, ["--config", str(file), "egress", "--json", "-"]
    )
    [one] = json.loads(told.stdout)["egress"]
    assert (one["where"], one["what"]) == ("https://crm.example", "write-ups of calls")
