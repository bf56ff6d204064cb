"""The console's pages and API over the real application: policy, wall, review, settings."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from httpx import AsyncClient
from litestar import Litestar

from copilot.bench.standin import Manner, standin
from copilot.console import hearing
from copilot.console.settings import TeamSettings
from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.core.vocabulary import Party
from copilot.evaluate.labels import labels_of
from copilot.ports import Owner
from copilot.providers.gateway.gateway import Gateway
from copilot.providers.gateway.settings import Options, Route
from copilot.providers.redact import Redactor
from copilot.sidecar import offer as offers
from copilot.sidecar.peer import use_interface
from copilot.store.label import NOTHING, Verdict, standing
from copilot.store.log import Store, open_store
from copilot.store.team import TeamCalls
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.helpers import Call, knows, passage
from tests.web.conftest import Browse
from tests.webrtc import QUERY, Browser
from tests.website import ADDRESS, LOCKER, QUESTION, SCRIPT, answered, make_services

HERE = Owner("default", "local")
JSON = {"Accept": "application/json"}
PAGE = {"Accept": "text/html"}


async def keep(store: Store, call_id: str, call: Call, owner: Owner = HERE) -> None:
    first = call.log[0].event
    assert isinstance(first, CallStarted)
    started = msgspec.structs.replace(first, call_id=call_id)
    store.append(
        call_id, [msgspec.structs.replace(call.log[0], event=started), *call.log[1:]], owner
    )
    while store.lag:
        await asyncio.sleep(0.01)


FORM = {
    "mode": "cards",
    "budget": "0.5",
    "cooldown_s": "4",
    "min_need": "50",
    "trigger": "cancel my contract\n\ncancel my contract\n complaint ",
    "do_not_trigger": "change",
    "opening_s": "5",
    "zone": "Europe/Berlin",
    "quiet_days:0": ["0", "4"],
    "quiet_start:0": "12:00",
    "quiet_end:0": "13:00",
    "quiet_start:1": "",
    "quiet_end:1": "",
    "novice:budget": "3",
    "expert:min_need": "80",
    "level:local": "expert",
    "role": "You work for a carrier.",
    "voice": "",
    "play_name:0": "Greet",
    "play_rule:0": "check",
    "play_phrases:0": "good morning\nhello",
    "play_name:1": "",
    "play_rule:1": "check",
    "play_phrases:1": "",
}


async def test_a_policy_is_typed_tried_and_published(
    client: AsyncClient, services: Services, store: Store, asked: Call
) -> None:
    await keep(store, "c1", asked)
    assert (await client.post("/policy", data=FORM)).status_code == 303
    shown = (await client.get("/policy", headers=PAGE)).text
    assert "Draft by Local admin" in shown
    assert "<ins>Mon, Fri 12:00–13:00</ins>" in shown
    early = await client.post("/policy/publish", data={}, headers=JSON)
    assert early.status_code == 422
    assert "has not been tried" in early.json()["detail"]
    begun = await client.post("/policy/try")
    assert 'hx-get="/policy/trial"' in begun.text
    await services.console.trials.wait("default")
    told = (await client.get("/policy/trial")).text
    assert "last 1 call" in told
    assert re.search(r"Silent: ruled out by the team</th><td>0</td><td>1</td>", told)
    assert (await client.post("/policy/publish", data={"note": "calmer"})).status_code == 303
    now = (await client.get("/api/v1/policy")).json()
    assert (now["number"], now["draft"]) == (1, None)
    policy = now["policy"]
    assert policy["trigger"] == ["cancel my contract", "complaint"]
    assert policy["levels"] == {"local": "expert"}
    assert policy["profiles"]["novice"]["budget"] == 300
    assert policy["quiet"] == [{"days": [0, 4], "start": "12:00", "end": "13:00"}]
    page = (await client.get("/policy", headers=PAGE)).text
    assert "calmer" in page
    same = await client.post("/policy", data=FORM)
    assert same.status_code == 303
    assert "Draft by" not in (await client.get("/policy", headers=PAGE)).text, "nothing changed"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"budget": "many"}, "budget = 'many': write a number"),
        ({"zone": "Mars"}, "no such time zone"),
        ({"quiet_start:1": "09:00"}, "a quiet time needs its days"),
        ({"play_name:1": "Nameless"}, "at least one phrase"),
        ({"mode": "loud"}, "the policy cannot be used"),
        ({"min_need": "101"}, "the policy cannot be used"),
        ({"role": "x" * 30_000}, "characters; 20000 at most"),
    ],
)
async def test_a_form_that_makes_no_sense_names_the_fault(
    client: AsyncClient, changed: dict[str, str], told: str
) -> None:
    answer = await client.post("/policy", data={**FORM, **changed}, headers=JSON)
    assert answer.status_code in (400, 422)
    assert told in answer.json()["detail"]
    assert (await client.get("/api/v1/policy")).json()["draft"] is None


def seen(page: str, form: str) -> str:
    """What the page's form says that it was filled in over."""
    found = re.search(rf'action="{form}".*?name="seen" value="(\w+)"', page, re.DOTALL)
    assert found is not None
    return found[1]


async def test_of_two_tabs_the_second_is_told(client: AsyncClient, services: Services) -> None:
    page = (await client.get("/policy", headers=PAGE)).text
    both = {**FORM, "seen": seen(page, "/policy")}
    assert (await client.post("/policy", data=both)).status_code == 303
    late = await client.post("/policy", data={**both, "budget": "9"}, headers=JSON)
    assert late.status_code == 409
    assert "has been changed since you opened this page" in late.json()["detail"]
    await client.post("/policy/try")
    await services.console.trials.wait("default")
    tried = seen((await client.get("/policy", headers=PAGE)).text, "/policy/publish")
    await client.post("/policy", data={**FORM, "budget": "9"})
    await client.post("/policy/try")
    await services.console.trials.wait("default")
    unseen = await client.post("/policy/publish", data={"seen": tried}, headers=JSON)
    assert unseen.status_code == 409, "tried, but by somebody else and with other values"
    page = (await client.get("/settings", headers=PAGE)).text
    kept = {"consent": "ask", "consent_text": "We listen.", "seen": seen(page, "/settings")}
    assert (await client.post("/settings", data=kept)).status_code == 303
    late = await client.post("/settings", data={**kept, "consent_text": "No."}, headers=JSON)
    assert late.status_code == 409
    assert (await client.get("/api/v1/settings")).json()["consent_text"] == "We listen."


async def test_a_policy_over_the_api(client: AsyncClient, services: Services) -> None:
    put = await client.put("/api/v1/policy/draft", json={"mode": "shadow", "profiles": {}})
    assert put.json()["draft"]["mode"] == "shadow"
    assert (await client.post("/api/v1/policy/draft/publish", json={})).status_code == 422
    assert (await client.post("/api/v1/policy/draft/trial")).status_code == 202
    await services.console.trials.wait("default")
    assert (await client.get("/api/v1/policy/draft/trial")).json()["report"]["totals"]["calls"] == 0
    made = await client.post("/api/v1/policy/draft/publish", json={"note": "quiet start"})
    assert (made.status_code, made.json()["number"]) == (201, 1)
    assert (await client.post("/api/v1/policy/1/roll-back")).status_code == 422
    history = (await client.get("/api/v1/policy/history")).json()
    assert [(one["number"], one["note"]) for one in history] == [(1, "quiet start")]
    bad = await client.put("/api/v1/policy/draft", json={"budget": -1})
    assert bad.status_code == 400
    assert bad.headers["content-type"].startswith("application/problem+json")


# ---- review


async def test_past_calls_are_found_judged_marked_and_erased(
    client: AsyncClient, store: Store, asked: Call, unanswered: Call
) -> None:
    await keep(store, "c1", asked)
    await keep(store, "c2", unanswered)
    found = (await client.get("/api/v1/calls", params={"q": "delivery addr"})).json()
    assert [one["call"]["id"] for one in found["calls"]] == ["c1"]
    assert found["calls"][0]["excerpt"]["found"] == "delivery"
    page = (await client.get("/", params={"q": "chromodynamics"}, headers=PAGE)).text
    assert "<mark>chromodynamics</mark>" in page
    assert 'href="/calls/c2?q=chromodynamics"' in page
    held = (await client.get("/api/v1/calls", params={"silence": "no_evidence"})).json()
    assert [one["call"]["id"] for one in held["calls"]] == ["c2"]

    judged = await client.post(
        "/calls/c1/labels", data={"inquiry": "1", "verdict": "unneeded", "shown": "1"}
    )
    assert 'value="unneeded" aria-pressed="true"' in judged.text
    assert (await client.get("/api/v1/calls/c1/labels")).json()[0]["verdict"] == "unneeded"
    figures = (await client.get("/api/v1/analytics", params=WHEN)).json()
    assert figures["precision"] == {"part": 0, "of": 1}, "a judgement counts at once"
    wrong = await client.post("/calls/c1/labels", data={"inquiry": "1", "verdict": "missed"})
    assert wrong.status_code == 422
    assert "missed" not in await verdicts(client)

    assert (await client.post("/calls/c1/flags", data={"tick": "10"})).status_code == 204
    assert (await client.post("/calls/c1/flags", data={"tick": "99999"})).status_code == 422
    flags = (await client.get("/api/v1/calls/c1/flags")).json()
    marked = (await client.get("/api/v1/calls", params={"flagged": "true"})).json()["calls"]
    assert [one["call"]["id"] for one in marked] == ["c1"]
    gone = f"/api/v1/calls/c1/flags/{flags[0]['id']}"
    assert (await client.delete(gone)).status_code == 204
    assert (await client.delete(gone)).status_code == 404

    assert (await client.post("/calls/c1/erase")).status_code == 303
    assert (await client.get("/calls/c1")).status_code == 404
    left = (await client.get("/api/v1/calls")).json()["calls"]
    assert [one["call"]["id"] for one in left] == ["c2"]
    audit = (await client.get("/api/v1/audit")).json()
    assert "calls_erased" in {deed["act"] for deed in audit}


async def verdicts(client: AsyncClient) -> list[str]:
    return [one["verdict"] for one in (await client.get("/api/v1/calls/c1/labels")).json()]


async def test_a_reviewer_names_the_right_passage_and_says_why(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    await keep(store, "c1", asked)
    press = {"inquiry": "1", "verdict": "wrong", "shown": "1"}
    form = (await client.post("/calls/c1/labels", data=press)).text
    assert "Find the right passage" in form
    assert ADDRESS.id not in form, "it was shown, and was wrong"
    sought = (await client.get("/calls/c1/passages?inquiry=1&q=locker")).text
    assert LOCKER.id in sought
    assert ADDRESS.id not in sought
    assert LOCKER.id not in (await client.get("/calls/c1/passages?inquiry=1&q=+")).text
    itself = await client.post(
        "/calls/c1/labels", data={**press, "passage": ADDRESS.id}, headers=JSON
    )
    assert itself.status_code == 422
    assert "is the one that was shown" in itself.json()["detail"]

    note = f"the customer was abroad {SCRIPT}"
    kept = {**press, "passage": LOCKER.id, "note": note}
    form = (await client.post("/calls/c1/labels", data=kept)).text
    assert f"Right: {LOCKER.title}" in form
    assert SCRIPT not in form
    [label] = standing(await store.labels.of("c1"))
    assert (label.passage, label.note) == (LOCKER.id, note)
    [case] = labels_of(await store.read("c1"), await store.labels.of("c1"))
    assert (case.verdict, case.right) == (Verdict.WRONG, LOCKER.id), "so that the gate learns it"
    page = (await client.get("/calls/c1", headers=PAGE)).text
    assert "the customer was abroad" in page

    await client.post("/calls/c1/labels", data={**kept, "passage": "none"})
    [label] = standing(await store.labels.of("c1"))
    assert label.passage == NOTHING
    await client.post("/calls/c1/labels", data={**kept, "verdict": "right"})
    [label] = standing(await store.labels.of("c1"))
    assert (label.verdict, label.passage, label.note) == ("right", "", note)


async def test_what_was_held_back_may_have_been_the_right_passage(
    client: AsyncClient, store: Store
) -> None:
    call = Call(knows(ADDRESS), policy=Policy(do_not_trigger=("delivery",)))
    call.customer(QUESTION).quiet(60)
    await keep(store, "c1", call.end())
    press = {"inquiry": "1", "verdict": "missed"}
    form = (await client.post("/calls/c1/labels", data=press)).text
    assert f'value="{ADDRESS.id}"' in form, "what search finds for the question is offered at once"


WHEN = {"since": "2026-11-20", "until": "2026-11-30"}


async def test_whatever_is_said_stays_text_on_every_page(
    client: AsyncClient, store: Store, unanswered: Call
) -> None:
    """A transcript, a query, a note, a search: none of them becomes markup."""
    nasty = passage(id=f"parcel/x#{SCRIPT}", say=f"say {SCRIPT}")
    call = Call(knows(nasty))
    call.customer(f"can i change {SCRIPT} of my parcel today").quiet(60)
    await keep(store, "c1", call.agent(f"hello {SCRIPT}").end())
    await keep(store, "c2", unanswered)
    await client.post("/calls/c1/flags", data={"note": SCRIPT})
    await client.put("/api/v1/policy/draft", json={"role": SCRIPT, "trigger": [SCRIPT]})
    for path in (
        "/",
        f"/?q={SCRIPT}",
        "/?q=alert",
        "/calls/c1",
        "/calls/c1?q=alert",
        f"/calls/c1?q={SCRIPT}",
        "/calls/c2",
        "/analytics?since=2026-11-20&until=2026-11-30",
        f"/analytics?pack={SCRIPT}&agent={SCRIPT}",
        "/policy",
        "/wall",
    ):
        answer = await client.get(path, headers=PAGE)
        assert answer.status_code == 200, (path, answer.text[:300])
        assert "<script>alert" not in answer.text, path
        shown = path not in ("/wall", "/") and not path.startswith("/analytics")
        assert not shown or "&lt;script&gt;" in answer.text, path


async def test_searches_of_any_kind_are_answered(client: AsyncClient, store: Store) -> None:
    for query in ('"', "' OR 1=1 --", "a*b NEAR c", "\x00", "é" * 400, "AND OR NOT"):
        assert (await client.get("/", params={"q": query})).status_code == 200
    for params in ({"since": "tomorrow"}, {"until": "2026-13-01"}):
        assert (await client.get("/", params=params)).status_code == 400
    assert (await client.get("/", params={"before": "nothing"})).status_code == 404
    assert (await client.get("/analytics", params={"since": "1990-01-01"})).status_code == 400


async def test_a_list_goes_on_where_it_stopped(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    for number in range(5):
        await keep(store, f"c{number}", asked)
    first = (await client.get("/api/v1/calls", params={"limit": 2})).json()
    assert [one["call"]["id"] for one in first["calls"]] == ["c4", "c3"]
    rest = {"limit": 9, "before": first["before"]}
    second = (await client.get("/api/v1/calls", params=rest)).json()
    assert [one["call"]["id"] for one in second["calls"]] == ["c2", "c1", "c0"]
    assert second["before"] == ""


# ---- settings


async def test_settings_are_changed_and_written_down(client: AsyncClient) -> None:
    form = {"consent": "ask", "consent_text": "We keep this call.", "listening": "1",
            "calls_days": "90", "audio_days": ""}  # fmt: skip
    assert (await client.post("/settings", data=form)).status_code == 303
    now = (await client.get("/api/v1/settings")).json()
    assert (now["listening"], now["redact"], now["calls_days"], now["audio_days"]) == (
        True,
        False,
        90,
        None,
    )
    patched = await client.patch("/api/v1/settings", json={"redact": True})
    assert patched.json()["consent_text"] == "We keep this call."
    assert (await client.patch("/api/v1/settings", json={"calls_days": 0})).status_code == 422
    assert (await client.patch("/api/v1/settings", json={"unknown": 1})).status_code == 422
    acts = [deed["act"] for deed in (await client.get("/api/v1/audit")).json()]
    assert acts.count("settings_changed") == 2
    page = (await client.get("/settings", headers=PAGE)).text
    assert "We keep this call." in page
    assert "Sign-in is off" in page


async def test_each_kind_of_data_is_shown_and_kept_as_long_as_its_admin_says(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    await keep(store, "c1", asked)
    await client.post("/calls/c1/labels", data={"inquiry": "1", "verdict": "right"})
    await client.put("/api/v1/calls/c1/customer", json={"external_id": "1"})
    await client.post("/api/v1/calls/c1/memory", json={"text": "has a dog"})
    kept = (await client.get("/api/v1/settings/kept")).json()
    counts = {name: one["count"] for name, one in kept["rows"].items()}
    assert counts == {
        "calls": 1, "judgements": 1, "marks": 0, "facts": 1, "deliveries": 0, "deeds": 0
    }  # fmt: skip
    page = (await client.get("/settings", headers=PAGE)).text
    for name in ("calls_days", "audio_days", "memory_days", "deliveries_days", "audit_days"):
        assert f'name="{name}"' in page
    short = await client.patch("/api/v1/settings", json={"audit_days": 89})
    assert short.status_code == 422
    assert "audit_days" in short.json()["detail"]
    long = await client.patch("/api/v1/settings", json={"audit_days": 90, "memory_days": 7})
    assert (long.json()["audit_days"], long.json()["memory_days"]) == (90, 7)


async def test_providers_are_tried_out(client: AsyncClient) -> None:
    assert "Works" in (await client.post("/settings/test/store")).text
    assert (await client.post("/settings/test/nothing")).status_code == 404
    told = (await client.post("/api/v1/providers/store/test")).json()
    assert told["ok"]
    health = (await client.get("/api/v1/health")).json()
    assert {"Store", "Lines", "Disk"} <= {one["what"] for one in health}
    purged = (await client.post("/api/v1/settings/purge")).json()
    assert {*purged.values()} == {0}


async def test_the_ear_hears_a_known_sound(
    store: Store, tmp_path: Path, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "SECONDS", 0.5)
    spoken = [(Party.CUSTOMER, 2, "good morning")]
    for script, told in ((spoken, "Works: heard “good morning”; a tick"), ((), "Fails: no words")):
        services = make_services(store, tmp_path, script)
        async with browse(create_app(services), "http://127.0.0.1:8123") as client:
            assert told in (await client.post("/settings/test/ear")).text
    alone = replace(services, sample=None)  # an installation without the sample call
    async with browse(create_app(alone), "http://127.0.0.1:8123") as client:
        told = (await client.post("/api/v1/providers/ear/test")).json()
        assert told["ok"]
        assert "a tone sounded like speech to 0 %" in told["told"]


async def test_each_route_of_the_background_model_is_tried(
    client: AsyncClient, services: Services
) -> None:
    none = await client.post("/settings/test/mind")
    assert "Nothing to test: your team has none; add [[mind.routes]]" in none.text
    assert (
        "Nothing to test: no voice is running" in (await client.post("/settings/test/voice")).text
    )
    good, bad = Manner(text="ready"), Manner(status="401 Unauthorized", body="{}")
    async with standin(good) as one, standin(bad) as other:
        routes = (
            Route("acme:one", one.url, key="k"),
            Route("acme:other", other.url, key="k"),
            Route("acme:theirs", other.url, key="k", teams=("sales",)),
        )
        assert services.background is not None
        services.background.mind = Gateway(Options(routes), Redactor())
        told = (await client.post("/api/v1/providers/mind/test")).json()
        assert not told["ok"]
        first, second = told["told"].split("; ")
        assert re.fullmatch(r"acme:one.*: first token after \d+ ms, all after \d+ ms", first)
        assert second.endswith(": HTTP 401")
        assert len(other.asked) == 1, "another team's route costs that team, and is not named here"
        await services.background.mind.close()


async def test_a_provider_that_breaks_is_told_in_words(
    client: AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(call: CallStarted) -> None:
        raise RuntimeError("secret of the provider")

    monkeypatch.setattr(services.switchboard.listener, "open", lost)
    told = (await client.post("/settings/test/ear")).text
    assert "Fails: it broke (RuntimeError); the server" in told
    assert "secret" not in told


async def test_the_api_is_described(client: AsyncClient) -> None:
    described = (await client.get("/api/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    for path in ("/api/v1/policy/draft/publish", "/api/v1/calls", "/api/v1/analytics"):
        assert path in described["paths"]


# ---- a call that is on

SPOKEN = [(Party.AGENT, 5, "good morning how can i help"), (Party.CUSTOMER, 40, QUESTION)]


class Live:
    """A real call, placed by a real peer over loopback."""

    def __init__(self, services: Services, app: Litestar) -> None:
        self.services, self.app, self.browser = services, app, Browser()
        self.id = ""

    async def place(self, owner: Owner) -> None:
        offer = offers.read(await self.browser.offer(), dict(QUERY))
        calls = TeamCalls(self.services.store, owner, True)
        self.id, peer = await self.services.switchboard.admit(offer, owner, calls)
        await self.browser.accept(peer.answer)


@pytest.fixture
async def live(store: Store, tmp_path: Path) -> AsyncIterator[Live]:
    use_interface("127.0.0.1")
    services = make_services(store, tmp_path, SPOKEN)
    made = Live(services, create_app(services))
    await made.place(HERE)
    yield made
    await services.switchboard.close()
    services.streams.close()
    await made.browser.close()


async def wait(client: AsyncClient, path: str, text: str) -> str:
    async with asyncio.timeout(15):
        while text not in (found := (await client.get(path)).text):
            await asyncio.sleep(0.1)
    return found


async def test_a_supervisor_helps_a_call_that_is_on(live: Live, browse: Browse) -> None:
    async with browse(live.app, "http://127.0.0.1:8123") as client:
        await wait(client, "/wall/seats", "good morning")
        sent = await client.post(f"/calls/{live.id}/advice", data={"text": "  Offer\nthe refund "})
        assert sent.status_code == 204
        card = await live.browser.message("show_card")
        assert (card["text"], card["by"]) == ("Offer the refund", "Local admin")
        await wait(client, "/wall/seats", "From Local admin")
        for text in ("", "x" * 201):
            answer = await client.post(f"/calls/{live.id}/advice", data={"text": text})
            assert answer.status_code == 422
        over = await client.post("/calls/none/advice", data={"text": "hello"})
        assert over.status_code == 404
        seat = (await client.get("/api/v1/wall")).json()["seats"][0]
        assert (seat["call"]["id"], seat["card"]["advice"]) == (live.id, True)
        acts = {deed["act"]: deed["what"] for deed in (await client.get("/api/v1/audit")).json()}
        assert acts["advised"] == f"{live.id}: 3 words"  # what they were goes with the call


async def test_the_wall_shows_the_calls_of_other_servers_too(
    client: AsyncClient, store: Store, tmp_path: Path
) -> None:
    other = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'calls.sqlite'}")
    for call_id, owner in (("theirs", HERE), ("secret", Owner("sales", "sam"))):
        await keep(other, call_id, answered(), owner)
    wall = (await client.get("/wall", headers=PAGE)).text
    assert 'href="/calls/theirs"' in wall
    assert "On another server" in wall
    assert "secret" not in wall
    [seat] = (await client.get("/api/v1/wall")).json()["seats"]
    assert (seat["call"]["id"], seat["call"]["cards"], seat["state"]) == ("theirs", 1, "elsewhere")
    followed = (await client.get("/calls/theirs", headers=PAGE)).text
    assert "is on another server" in followed
    assert 'id="advice"' not in followed
    away = await client.post("/calls/theirs/advice", data={"text": "hello"})
    assert away.status_code == 404
    await other.close()


async def test_listening_in_needs_the_admins_leave_and_is_written_down(
    live: Live, browse: Browse
) -> None:
    desk = live.services.console.desk
    async with browse(live.app, "http://127.0.0.1:8123") as client:
        await wait(client, "/wall/seats", "good morning")
        refused = await client.get(f"/calls/{live.id}/sound")
        assert refused.status_code == 403
        assert "is off for this team" in refused.json()["detail"]
        await desk.change("default", "admin", TeamSettings(listening=True))
        call = live.services.switchboard.call(live.id)

        async def hang_up() -> None:
            while not call.tap.listeners:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.5)
            await live.services.switchboard.hang_up(live.id)

        ending = asyncio.create_task(hang_up())
        heard = await client.get(f"/calls/{live.id}/sound")
        await ending
        assert heard.headers["x-sample-rate"] == "16000"
        assert len(heard.content) % (1280 * 2 * 2) == 0, "whole micro-turns, nothing between them"
        assert len(heard.content) > 0
        acts = [deed["act"] for deed in (await client.get("/api/v1/audit")).json()]
        assert "listened" in acts


async def test_a_call_keeps_its_sound_where_the_team_wants_it(
    store: Store, tmp_path: Path, browse: Browse
) -> None:
    use_interface("127.0.0.1")
    services = make_services(store, tmp_path, SPOKEN)
    app = create_app(services)
    await services.console.desk.change("default", "admin", TeamSettings(keep_audio=True))
    made = Live(services, app)
    await made.place(HERE)
    async with browse(app, "http://127.0.0.1:8123") as client:
        await wait(client, "/wall/seats", "good morning")
        await services.switchboard.close()
        await made.browser.close()
        sound = await client.get(f"/calls/{made.id}/audio")
        assert (sound.status_code, sound.content[:4]) == (200, b"OggS")
        assert "<audio" in (await client.get(f"/calls/{made.id}", headers=PAGE)).text
        await client.post(f"/calls/{made.id}/erase")
        assert list((tmp_path / "recordings").iterdir()) == []
    services.streams.close()


async def test_new_calls_begin_under_the_published_policy(store: Store, tmp_path: Path) -> None:
    use_interface("127.0.0.1")
    services = make_services(store, tmp_path, SPOKEN)
    app = create_app(services)
    rules, trials = services.console.rules, services.console.trials
    shadow: dict[str, Any] = {"mode": "shadow", "levels": {"local": "novice"}}
    policy = msgspec.convert(shadow, type(await _today(services)))
    draft = await rules.write("default", "lead", policy)
    trials.begin(draft, policy, await _today(services))
    await trials.wait("default")
    await rules.publish("default", "lead", "")
    made = Live(services, app)
    await made.place(HERE)
    started = services.switchboard.call(made.id).session.state.started
    assert started is not None
    assert (started.ruling, started.level, started.policy.shadow) == (1, "novice", True)
    assert started.policy.budget == 400
    await services.switchboard.close()
    services.streams.close()
    await made.browser.close()


async def _today(services: Services) -> Any:
    return (await services.console.rules.today("default")).policy


async def test_what_is_blacked_out_is_out_of_every_page(
    client: AsyncClient, store: Store, services: Services
) -> None:
    number = "four two three five six seven eight nine four three two one six seven eight five"
    call = Call(lambda query: ())
    await keep(store, "c1", call.customer(f"can you charge my card {number}").quiet(60).end())
    seen = (await client.get("/api/v1/calls", params={"q": "charge my"})).json()
    assert [one["call"]["id"] for one in seen["calls"]] == ["c1"]
    assert number in (await client.get("/calls/c1", headers=PAGE)).text
    assert "three five six" in (await client.get("/analytics.csv", params=WHEN)).text

    await client.patch("/api/v1/settings", json={"redact": True})
    for path in ("/calls/c1", "/?q=charge", "/analytics?since=2026-11-20&until=2026-11-30"):
        page = (await client.get(path, headers=PAGE)).text
        assert "three five six" not in page, path
        assert "[card 1]" in page or "[number]" in page, path
    assert "three five six" not in (await client.get("/analytics.csv", params=WHEN)).text
    found = (await client.get("/api/v1/calls", params={"q": "three five six"})).json()
    assert found["calls"] == [], "what nobody may see, nobody finds"
    await client.patch("/api/v1/settings", json={"redact": False})
    assert "three five six" in (await client.get("/analytics.csv", params=WHEN)).text
