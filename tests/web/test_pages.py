"""Every page: status, what it tells, and that nothing said or written can become markup."""

from urllib.parse import quote

import pytest
from httpx import AsyncClient

from copilot.store.log import Store
from tests.helpers import Call

PAGE = {"Accept": "text/html"}


async def test_an_empty_list_says_how_to_begin(client: AsyncClient) -> None:
    answer = await client.get("/")
    assert answer.status_code == 200
    assert "No calls yet" in answer.text
    assert 'href="/try"' in answer.text


async def test_the_list_has_the_newest_first(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    store.append("first", asked.log)
    store.append("second", asked.log)
    store.append("on", asked.log[:-2])
    text = (await client.get("/calls")).text
    assert text.index("/calls/on") < text.index("/calls/second") < text.index("/calls/first")
    assert text.count("badge-live") == 1


async def test_the_list_is_paged(client: AsyncClient, store: Store, asked: Call) -> None:
    for number in range(26):
        store.append(f"call-{number:02}", asked.log)
    newest = (await client.get("/")).text
    assert 'href="/?before=call-01"' in newest
    assert "/calls/call-00" not in newest
    oldest = (await client.get("/?before=call-01")).text
    assert "/calls/call-00" in oldest
    assert "/calls/call-01" not in oldest
    assert (await client.get("/?before=nobody")).status_code == 404


async def test_a_finished_call_tells_its_story(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    store.append("c1", asked.log)
    text = (await client.get("/calls/c1")).text
    assert "The agent hung up." in text
    assert "can i change the delivery address of my parcel today" in text
    assert "You can change the address in the app until the evening before delivery." in text
    assert "The agent said it, so the card left the screen." in text
    assert 'class="bar-agent"' in text
    assert 'class="bar-customer"' in text
    assert 'href="#card-1" class="mark-card"' in text
    assert "/passages/parcel/address%23change%20my%20address" in text


async def test_a_silence_has_its_reason_in_words(
    client: AsyncClient, store: Store, unanswered: Call
) -> None:
    store.append("c1", unanswered.log)
    text = (await client.get("/calls/c1")).text
    assert "Nothing found" in text
    assert "No pack in use says anything about this." in text
    assert 'href="#silence-0" class="mark-silence"' in text


async def test_a_cut_call_says_so(client: AsyncClient, store: Store, cut: Call) -> None:
    store.append("c1", cut.log)
    assert "The log breaks off here" in (await client.get("/calls/c1")).text


async def test_a_call_that_is_on_gets_the_live_page(
    client: AsyncClient, store: Store, asked: Call
) -> None:
    store.append("c1", asked.log[:100])
    text = (await client.get("/calls/c1")).text
    assert 'data-call="c1"' in text
    assert "/static/js/live.js" in text


async def test_words_of_a_call_cannot_become_markup(
    client: AsyncClient, store: Store, unanswered: Call
) -> None:
    store.append("c1", unanswered.log)
    text = (await client.get("/calls/c1")).text
    assert "&lt;script&gt;alert" in text
    assert "<script>alert" not in text


async def test_a_passage_shows_its_source_and_cannot_become_markup(client: AsyncClient) -> None:
    answer = await client.get("/passages/" + quote("parcel/nasty#xss", safe=""))
    assert answer.status_code == 200
    assert "<strong>bold</strong>" in answer.text
    assert "parcel@0badcafe" in answer.text
    assert answer.text.count("&lt;script&gt;") >= 3
    assert "<script>alert" not in answer.text
    assert 'href="javascript:' not in answer.text


async def test_the_softphone_asks_for_consent(client: AsyncClient) -> None:
    text = (await client.get("/try")).text
    assert 'id="consent" required' in text
    assert "/static/js/softphone.js" in text


@pytest.mark.parametrize("party", ["agent", "customer"])
async def test_the_sample_call_is_made_when_wanted(client: AsyncClient, party: str) -> None:
    answer = await client.get(f"/sample/{party}.wav")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.content.startswith(b"RIFF")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/calls/nobody",
        "/calls/nobody/log",
        "/calls/nobody/live",
        "/passages/parcel/gone%23heading",
        "/sample/other.wav",
        "/sample/agent",
        "/static/nothing.css",
        "/static/..%2fapp.py",
    ],
)
async def test_what_is_not_there_is_404_for_people_and_programs(
    client: AsyncClient, path: str
) -> None:
    page = await client.get(path, headers=PAGE)
    assert page.status_code == 404
    assert "Not here" in page.text
    problem = await client.get(path)
    assert problem.status_code == 404
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == 404


async def test_an_unknown_call_is_named_and_escaped(client: AsyncClient) -> None:
    page = await client.get("/calls/" + quote("<script>x", safe=""), headers=PAGE)
    assert page.status_code == 404
    assert "&lt;script&gt;" in page.text
    assert "<script>x" not in page.text


async def test_static_files_are_revalidated(client: AsyncClient) -> None:
    answer = await client.get("/static/style.css")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"].startswith("text/css")
    script = await client.get("/static/js/live.js")
    assert "javascript" in script.headers["content-type"]
