"""Knowledge bases over HTTP: made, filled, mended, published, and nothing of it a way in."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from time import perf_counter
from urllib.parse import quote

import pytest
from httpx import AsyncClient, Response
from litestar import Litestar

from copilot.accounts.roles import Role
from copilot.core.vocabulary import Passage
from copilot.retrieval.packs.edits import Edit, write_edits
from copilot.store.log import Store
from copilot.web.app import create_app
from copilot.web.services import Services
from tests.documents import pack as make_pack
from tests.helpers import Call, passage
from tests.tenants import Tenants, make_accounts, make_tenants, sign
from tests.website import SCRIPT, make_services

FAQ = "question,answer,say\nWhen do you open?,At nine.,We open at nine.\nIs there parking?,Yes.,\n"
OPEN = "shop/faq.csv#when-do-you-open"
API = "/api/v1/knowledge"


@pytest.fixture
async def shop(client: AsyncClient) -> AsyncClient:
    """A client whose team has an empty knowledge base."""
    answer = await client.post("/knowledge/new", data={"title": "Shop", "description": "Hours"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/knowledge/shop/files")
    return client


async def put(client: AsyncClient, name: str, body: str | bytes) -> Response:
    content = body.encode() if isinstance(body, str) else body
    return await client.put(f"{API}/shop/files/{quote(name, safe='')}", content=content)


def at(id: str) -> str:
    return f"{API}/shop/passages/{quote(id)}"


async def done(client: AsyncClient, job: Response) -> dict[str, object]:
    """The job when it is over."""
    told: dict[str, object] = job.json()
    while told["stage"] not in ("done", "failed"):
        await asyncio.sleep(0.02)
        told = (await client.get(f"/api/v1/jobs/{told['id']}")).json()
    return told


async def test_from_nothing_to_calls(shop: AsyncClient, services: Services) -> None:
    page = (await shop.get("/knowledge/shop")).text
    assert "Drop files here" in page
    taken = await put(shop, "faq.csv", FAQ)
    assert (taken.status_code, taken.json()["passages"], taken.json()["faults"]) == (200, 2, [])
    page = (await shop.get("/knowledge/shop")).text
    assert "When do you open?" in page
    assert "Not published" in page
    changes = (await shop.get("/knowledge/shop/changes")).text
    assert "Publish 2 passages" in changes
    answer = await shop.post("/knowledge/shop/publish")
    assert answer.headers["location"] == "/knowledge/shop/versions"
    assert [pack.name for pack in services.desk.in_calls()] == ["shop"]
    assert "In calls" in (await shop.get("/knowledge/shop/versions")).text
    listed = (await shop.get(API)).json()
    assert [(one["name"], one["state"]) for one in listed] == [("shop", "current")]


async def test_problems_are_told_in_their_place_and_keep_it_from_calls(shop: AsyncClient) -> None:
    taken = (await put(shop, "faq.csv", FAQ + ",Nothing asked.,\n")).json()
    assert [(one["file"], one["line"]) for one in taken["faults"]] == [("faq.csv", 4)]
    files = (await shop.get("/knowledge/shop/files")).text
    assert "Line 4" in files
    assert "write the question there" in files
    page = (await shop.get("/knowledge/shop/file?name=faq.csv")).text
    assert 'class="row row-bad"' in page
    refused = await shop.post(f"{API}/shop/publish")
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith("faq.csv:4: ")  # without this machine's folders
    assert "write the question there" in refused.json()["detail"]
    seen = page.split('name="seen" value="')[1].split('"')[0]
    form = {"name": "faq.csv", "text": FAQ.replace("\n", "\r\n"), "seen": seen}
    mended = await shop.post("/knowledge/shop/file", data=form)
    assert mended.status_code == 303
    assert (await shop.post("/knowledge/shop/file", data=form)).status_code == 409
    assert (await shop.get(f"{API}/shop")).json()["faults"] == 0


@pytest.mark.parametrize("title", ["", "\0", "\u200b", "\u202e\u2066", " \r\n"])
async def test_a_name_that_nobody_sees_is_none(client: AsyncClient, title: str) -> None:
    answer = await client.post("/knowledge/new", data={"title": title})
    assert answer.status_code == 422
    assert "The name is empty" in answer.text


async def test_no_problem_names_a_folder_of_the_server(shop: AsyncClient, tmp_path: Path) -> None:
    front, text = "---\ntitle: Hours\n---\n", "## When are you open?\n\nAt nine.\n"
    await put(shop, "one.md", f"{front}{text}\n{text}")
    await put(shop, "two.md", f"{front}{text}")
    files = (await shop.get("/knowledge/shop/files")).text
    assert files.count("as at one.md:4") == 2
    assert str(tmp_path) not in files


async def test_a_passage_is_edited_in_the_browser(shop: AsyncClient) -> None:
    await put(shop, "faq.csv", FAQ)
    address = f"/knowledge/shop/passage?id={quote(OPEN)}"
    page = (await shop.get(address)).text
    seen = page.split('name="seen" value="')[1].split('"')[0]
    form = {
        "id": OPEN,
        "seen": seen,
        "title": "When do you open?",
        "text": "At nine.",
        "do": "save",
    }
    bad = await shop.post("/knowledge/shop/passage", data={**form, "say": "word " * 26})
    assert bad.status_code == 422
    assert "Shorten it to 25" in bad.text
    assert "word word" in bad.text  # what was typed is kept
    good = await shop.post("/knowledge/shop/passage", data={**form, "say": "Nine sharp."})
    assert good.status_code == 303
    assert "Nine sharp." in (await shop.get("/knowledge/shop")).text
    late = await shop.post("/knowledge/shop/passage", data={**form, "say": "Mine."})
    assert late.status_code == 409
    assert "Somebody else changed this passage" in late.text
    assert "Mine." in late.text


async def test_versions_are_compared_rolled_back_and_retired(
    shop: AsyncClient, services: Services
) -> None:
    await put(shop, "faq.csv", FAQ)
    await done(shop, await shop.post(f"{API}/shop/publish"))
    first = services.desk.in_calls()[0].version
    read = (await shop.get(at(OPEN))).json()
    body = {"title": read["title"], "text": "At ten.", "fingerprint": read["fingerprint"]}
    edited = await shop.put(at(OPEN), json=body)
    assert (edited.status_code, edited.json()["edited"]) == (200, True)
    changes = (await shop.get(f"{API}/shop/changes")).json()
    (changed,) = changes["changed"]
    assert {edit["field"]: edit["new"] for edit in changed["edits"]}["text"] == "At ten."
    page = (await shop.get("/knowledge/shop/changes")).text
    assert "<del>nine.</del>" in page
    assert "<ins>ten.</ins>" in page
    await done(shop, await shop.post(f"{API}/shop/publish"))
    second = services.desk.in_calls()[0].version
    assert second != first
    await done(shop, await shop.post(f"{API}/shop/roll-back", json={}))
    assert services.desk.in_calls()[0].version == first
    told = (await shop.get(f"{API}/shop/versions")).json()
    assert [one["what"] for one in told] == ["rolled back", "published", "published"]
    assert told[0]["by"] == "Local admin"
    assert (await shop.post(f"{API}/shop/retire")).status_code == 204
    assert services.desk.in_calls() == ()
    assert (await shop.get(f"{API}/shop")).json()["state"] == "retired"


async def test_duplicates_and_contradictions(shop: AsyncClient) -> None:
    await put(shop, "faq.csv", FAQ.replace("At nine.", "At 9 am every day."))
    await put(shop, "old.csv", "question,answer\nWhen do you open?,At 10 am every day.\n")
    told = await done(shop, await shop.get(f"{API}/shop/conflicts"))
    assert isinstance(told["result"], list)
    assert [one["kind"] for one in told["result"]] == ["contradiction"]
    page = (await shop.get("/knowledge/shop/check")).text
    assert "Contradiction" in page
    assert "Leave this one out" in page


async def test_a_gap_becomes_a_passage(
    shop: AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.web.knowledge.gaps.DAYS", 36_500)  # the store's clock stands
    call = Call().customer(f"how can i return my {SCRIPT} bicycle").quiet(60).end()
    services.store.append("c1", call.log)
    for title in ("Second", "Third"):
        await shop.post(API, json={"title": title})
    told = await done(shop, await shop.get("/api/v1/gaps"))
    assert isinstance(told["result"], dict)
    (gap,) = told["result"]["gaps"]
    assert "bicycle" in gap["name"]
    page = (await shop.get("/knowledge/gaps")).text
    assert SCRIPT not in page
    assert "Draft the answer" in page

    press = {"pack": "shop", "question": gap["name"]}
    opened = (await shop.post("/knowledge/gaps", data=press)).headers["location"]
    form = (await shop.get(opened)).text
    assert "A draft that nobody has read yet" in form
    assert "Customers asked:" in form, "nothing came near: what was asked is there to begin with"
    assert SCRIPT not in form
    page = (await shop.get("/knowledge/gaps")).text
    assert "Has a draft" in page
    assert "Draft the answer" not in page
    again = await shop.post("/knowledge/gaps", data={**press, "pack": "second"})
    assert again.headers["location"] == opened, "one draft a gap"
    [drafted] = (await shop.get(f"{API}/shop/passages")).json()["passages"]
    assert drafted["doubt"] == "drafted"

    await put(shop, "faq.csv", FAQ)
    changes = (await shop.get("/knowledge/shop/changes")).text
    assert "Publish 2 passages" in changes, "what nobody has read is not published"
    assert "1 draft of a gap" in changes
    kept = {
        "id": drafted["id"],
        "seen": drafted["fingerprint"],
        "title": "Where do I bring a bicycle back to?",
        "text": "To the shop.",
    }
    assert (await shop.post("/knowledge/shop/passage", data=kept)).status_code == 303
    assert "Publish 3 passages" in (await shop.get("/knowledge/shop/changes")).text
    assert "Written since" in (await shop.get("/knowledge/gaps")).text


async def test_a_draft_of_a_gap_begins_with_the_nearest_passage(
    shop: AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.web.knowledge.gaps.DAYS", 36_500)
    await put(shop, "faq.csv", FAQ)
    near = passage(id=OPEN, score=5)
    call = Call(lambda query: (near,)).customer("when do you open on christmas eve this year")
    services.store.append("c1", call.quiet(60).end().log)
    told = await done(shop, await shop.get("/api/v1/gaps"))
    assert isinstance(told["result"], dict)
    [gap] = told["result"]["gaps"]
    press = {"pack": "shop", "question": gap["name"]}
    made = (await shop.post("/api/v1/gaps/drafts", json=press)).json()
    assert (made["title"], made["text"], made["say"], made["doubt"]) == (
        "When do you open on christmas eve this year?",
        "At nine.",
        "We open at nine.",
        "drafted",
    )
    confirmed = {"id": made["id"], "do": "stand"}
    assert (await shop.post("/knowledge/shop/passage", data=confirmed)).status_code == 303
    assert (await shop.get(at(made["id"]))).json()["doubt"] is None
    for wrong in ({"pack": "nothing"}, {"question": "never asked"}):
        assert (await shop.post("/api/v1/gaps/drafts", json=press | wrong)).status_code == 404


async def test_words_are_tried_and_explained(client: AsyncClient) -> None:
    text = "Agent: hello\nCustomer: can i change the address of my parcel"
    page = await client.post("/try/words", data={"text": text}, follow_redirects=True)
    assert "A card" in page.text
    assert "What would have kept it away" in page.text
    assert "You can change the address in the app" in page.text
    told = (await client.post("/api/v1/try", json={"text": text})).json()
    (decision,) = told["result"]["lines"][1]["decisions"]
    assert decision["silence"] is None
    assert decision["passages"][0]["id"] == "parcel/address#change my address"
    bad = await client.post("/try/words", data={"text": "Ann: a\nBob: b\nCid: c"})
    assert bad.status_code == 422
    assert "one speaker too many" in bad.text


async def test_a_past_calls_words_are_tried_anew(
    client: AsyncClient, services: Services, asked: Call
) -> None:
    services.store.append("c1", asked.log)
    assert "/try/words?call=c1" in (await client.get("/calls/c1")).text
    page = (await client.get("/try/words?call=c1")).text
    assert "Agent: good morning how can i help\nCustomer: can i change" in page
    assert (await client.get("/try/words?call=never")).status_code == 404


async def test_a_recording_is_tried_and_deleted(
    client: AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.website import tone

    (tmp_path / "temp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    sound = tone(tmp_path / "call.wav", 300, seconds=2).read_bytes()
    files = {"recording": (f"../{SCRIPT}.wav", sound, "audio/wav")}
    page = await client.post("/try/recording", files=files, follow_redirects=True)
    assert "No words were heard" in page.text
    assert SCRIPT not in page.text
    files = {"recording": ("call.wav", b"RIFFnothing", "audio/wav")}
    bad = await client.post("/try/recording", files=files)
    assert bad.status_code == 422
    assert "not a recording that can be read" in bad.text
    assert str(tmp_path) not in bad.text
    assert list((tmp_path / "temp").iterdir()) == []


async def test_ten_thousand_passages_are_shown_at_once(shop: AsyncClient) -> None:
    """Every page within 200 ms at the server; on a quiet machine they take 5 to 35 ms."""
    rows = (
        f"How does thing {n} of kind {n % 97} work?,Turn part {n} until light {n % 31} is green."
        for n in range(10_000)
    )
    taken = await put(shop, "faq.csv", "\n".join(("question,answer", *rows)))
    assert taken.json()["passages"] == 10_000
    await shop.get("/knowledge/shop")  # the first look after a change reads it
    id = (await shop.get(f"{API}/shop/passages")).json()["passages"][0]["id"]
    slow = {}
    for page in (
        "/knowledge",
        "/knowledge/shop",
        "/knowledge/shop?at=200",
        "/knowledge/shop?q=light+17+green",
        "/knowledge/shop?show=no-line",
        "/knowledge/shop/files",
        "/knowledge/shop/changes",
        "/knowledge/shop/versions",
        f"/knowledge/shop/passage?id={quote(id)}",
        f"{API}/shop/passages?q=part",
    ):
        times = []
        for _ in range(5):
            since = perf_counter()
            answer = await shop.get(page)
            times.append(1000 * (perf_counter() - since))
            assert answer.status_code == 200
        slow[page] = sorted(times)[2]
    assert {page: ms for page, ms in slow.items() if ms > 200} == {}


# ---- what must not get in ------------------------------------------------------------------------

NASTY = f'x"><img src=x onerror=alert(1)>{SCRIPT}'


async def test_no_markup_of_a_passage_or_file_is_run(shop: AsyncClient) -> None:
    cell = NASTY.replace('"', '""')
    body = f'question,answer,say,entity\n"{cell}?","{cell}","{cell}","{cell}"\n'
    assert (await put(shop, f"{NASTY[:34]}.csv", body)).json()["faults"] == []
    await shop.post("/knowledge/shop/about", data={"title": NASTY, "description": NASTY})
    await shop.post("/knowledge/shop/write", data={"title": f"{NASTY}!", "text": NASTY})
    await put(shop, "bad.csv", f'question,answer\n,"{cell}"\n"{cell}",\n')
    listed = (await shop.get(f"{API}/shop/passages")).json()["passages"]
    pages = ["/knowledge", "/knowledge/shop", "/knowledge/shop/files", "/knowledge/shop/about"]
    pages += ["/knowledge/shop/changes", "/knowledge/shop/check", "/knowledge/shop/versions"]
    pages += ["/knowledge/shop/file?name=bad.csv", f"/knowledge/shop?q={quote(NASTY)}"]
    pages += [f"/knowledge/shop/passage?id={quote(one['id'])}" for one in listed]
    pages += [f"/try/words?text={quote(NASTY)}", f"/knowledge/shop/write?question={quote(NASTY)}"]
    for address in pages:
        answer = await shop.get(address, follow_redirects=True)
        assert answer.status_code == 200, address
        assert "<img src=x" not in answer.text, address
        assert SCRIPT not in answer.text, address
        assert "unsafe" not in answer.headers["content-security-policy"]


PATHS = ("../evil.md", "..%2f..%2fevil.md", "/etc/evil.md", "..\\evil.md", "evil.md\x00.png")


async def test_an_upload_stays_in_its_folder(shop: AsyncClient, services: Services) -> None:
    data = services.settings.data
    folder = data / "drafts" / "shop"
    for name in PATHS:
        answer = await put(shop, name, "---\ntitle: X\n---\n\n## Q?\n\nA.\n")
        assert answer.status_code < 500, name
        files = {"files": (name, b"## Q?\n\nA.\n", "text/markdown")}
        assert (await shop.post("/knowledge/shop/files", files=files)).status_code in (303, 422)
        assert {path.parent for path in data.rglob("*evil*")} <= {folder}, name
    assert list(data.rglob("*evil*"))


async def test_only_the_packs_own_files_are_shown(shop: AsyncClient) -> None:
    for name in ("../../pack.toml", "pack.toml", "/etc/passwd", "..", "."):
        address = f"/knowledge/shop/file?name={quote(name, safe='')}"
        assert (await shop.get(address)).status_code == 404, name
        for form in ({"name": name, "text": "x"}, {"name": name, "do": "remove"}):
            assert (await shop.post("/knowledge/shop/file", data=form)).status_code == 404, name


async def test_bombs_and_floods_cost_one_line(shop: AsyncClient, services: Services) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * 30_000_000)
    bomb = (await put(shop, "bomb.docx", buffer.getvalue())).json()
    assert bomb["passages"] == 0
    assert len(bomb["faults"]) == 1
    huge = await put(shop, "huge.md", b"x" * (2**20 + 1))
    assert huge.status_code == 413
    assert "over the limit of 1 MiB" in huge.json()["detail"]
    assert (await put(shop, "empty.md", b"")).status_code == 400
    assert (await put(shop, "virus.exe", b"x")).status_code == 400
    left = {path.name for path in (services.settings.data / "drafts" / "shop").iterdir()}
    assert left == {"pack.toml", "bomb.docx"}


# ---- whose it is ---------------------------------------------------------------------------------


@pytest.fixture
async def tenants(store: Store) -> Tenants:
    return await make_tenants(make_accounts(store))


@pytest.fixture
async def signed(
    tenants: Tenants,
    store: Store,
    tmp_path: Path,
    browse: Callable[[Litestar, str], AsyncClient],
) -> AsyncIterator[Callable[[str], AsyncClient]]:
    """Opens somebody's browser."""
    services = make_services(store, tmp_path, accounts=tenants.accounts)
    app = create_app(services)
    opened: list[AsyncClient] = []
    secrets = {who: await tenants.session(who) for who in tenants.emails}

    def browser(who: str) -> AsyncClient:
        client = browse(app, "http://127.0.0.1:8123")
        sign(client, secrets[who])
        opened.append(client)
        return client

    yield browser
    for client in opened:
        await client.aclose()


async def test_teams_do_not_know_of_each_others_knowledge(
    signed: Callable[[str], AsyncClient],
) -> None:
    ours, theirs = signed(Role.LEAD), signed(f"other_{Role.LEAD}")
    made = (await ours.post(API, json={"title": "Secret plans"})).json()
    assert made["name"] == "secret-plans"
    assert "Secret" not in (await theirs.get("/knowledge")).text
    assert (await theirs.get(API)).json() == []
    for method, path in (
        ("GET", ""),
        ("GET", "/passages"),
        ("POST", "/publish"),
        ("DELETE", ""),
        ("PUT", "/files/faq.csv"),
    ):
        answer = await theirs.request(method, f"{API}/secret-plans{path}")
        assert answer.status_code == 404, (method, path)
    again = (await theirs.post(API, json={"title": "Secret plans"})).json()
    assert again["name"] == "secret-plans-2"
    job = (await ours.get(f"{API}/secret-plans/conflicts")).json()
    assert (await theirs.get(f"/api/v1/jobs/{job['id']}")).status_code == 404


async def test_agents_read_and_leads_write(signed: Callable[[str], AsyncClient]) -> None:
    lead, agent = signed(Role.LEAD), signed(Role.AGENT)
    await lead.post(API, json={"title": "Shop"})
    assert (await agent.get("/knowledge/shop")).status_code == 200
    page = (await agent.get("/knowledge/shop/files")).text
    assert "Drop files here" not in page
    for path in ("new", "shop/write", "shop/about"):
        assert (await agent.get(f"/knowledge/{path}")).status_code == 403
    assert (await agent.put(f"{API}/shop/files/faq.csv", content=b"x")).status_code == 403


async def test_a_foreign_form_changes_nothing(signed: Callable[[str], AsyncClient]) -> None:
    lead = signed(Role.LEAD)
    await lead.post(API, json={"title": "Shop"})
    del lead.headers["X-CSRF-Token"]
    form = {"title": "When?", "text": "Now."}
    assert (await lead.post("/knowledge/shop/write", data=form)).status_code == 403
    assert (await lead.put(f"{API}/shop/files/faq.csv", content=b"x")).status_code == 403
    assert (await lead.post("/knowledge/shop/publish")).status_code == 403


async def test_every_change_is_in_the_audit_log(
    signed: Callable[[str], AsyncClient], tenants: Tenants
) -> None:
    lead = signed(Role.LEAD)
    await lead.post(API, json={"title": "Shop"})
    await put(lead, "faq.csv", FAQ)
    await done(lead, await lead.post(f"{API}/shop/publish"))
    await lead.post(f"{API}/shop/retire")
    deeds = (await signed(Role.ADMIN).get("/api/v1/audit")).json()
    acts = [one["act"] for one in deeds if one["act"].startswith("knowledge_")]
    assert acts == [
        "knowledge_retired",
        "knowledge_published",
        "knowledge_changed",
        "knowledge_made",
    ]


# ---- packs that are kept elsewhere ---------------------------------------------------------------


async def test_a_pack_of_files_is_copied_before_it_is_edited(
    client: AsyncClient, services: Services
) -> None:
    folder = make_pack(services.desk.files)
    (folder / "faq.csv").write_text(FAQ)
    assert (await client.get(f"{API}/shop")).json()["editable"] is False
    refused = await put(client, "more.csv", FAQ)
    assert refused.status_code == 400
    assert "Edit here" in refused.json()["detail"]
    assert (await client.post("/knowledge/shop/adopt")).status_code == 303
    await client.post("/knowledge/shop/write", data={"title": "New?", "text": "Yes."})
    told = (await client.get(f"{API}/shop")).json()
    assert (told["editable"], told["passages"]) == (True, 3)
    assert not (folder / "edits.json").exists()


async def test_an_edit_whose_file_has_changed_is_shown(
    shop: AsyncClient, services: Services
) -> None:
    await put(shop, "faq.csv", FAQ)
    folder = services.desk.drafts.folder("shop")
    edit = Edit("When do you open?", "At ten.", base="older")
    write_edits(folder, {OPEN: edit})
    address = f"/knowledge/shop/passage?id={quote(OPEN)}"
    assert "Its file says something else now" in (await shop.get(address)).text
    form = {"id": OPEN, "do": "stand"}
    assert (await shop.post("/knowledge/shop/passage", data=form)).status_code == 303
    assert "Its file says something else now" not in (await shop.get(address)).text
    await shop.post("/knowledge/shop/passage", data={"id": OPEN, "do": "restore"})
    assert (await shop.get(at(OPEN))).json()["text"] == "At nine."


def test_fields_have_names() -> None:
    from copilot.web.knowledge.views import FIELDS

    told = set(Passage.__struct_fields__) - {"id", "score"}
    assert set(FIELDS) == told
