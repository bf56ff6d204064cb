"""WHIP over HTTP: statuses, headers and a clear word for each offer that is none."""

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from copilot.web.services import Services
from tests.webrtc import Browser

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = "application/trickle-ice-sdpfrag"
WHERE = "/calls?agent=0&customer=1&earpiece=2&consent=true"

Client = AsyncTestClient[Litestar]


async def test_a_call_is_placed_trickled_and_hung_up(client: Client) -> None:
    browser = Browser()
    answer = await client.post(WHERE, content=await browser.offer(), headers=SDP)
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("application/sdp")
    assert "useinbandfec=1" in answer.text
    where, etag = answer.headers["location"], answer.headers["etag"]
    await browser.accept(answer.text)

    ufrag = browser.connection.localDescription.sdp.split("a=ice-ufrag:")[1].split()[0]
    fragment = (
        f"a=ice-ufrag:{ufrag}\r\na=mid:0\r\n"
        "a=candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host\r\na=end-of-candidates\r\n"
    )
    headers = {"Content-Type": FRAGMENT, "If-Match": etag}
    trickled = await client.patch(where, content=fragment, headers=headers)
    assert trickled.status_code == 204

    restart = fragment.replace(ufrag, "another")
    refused = await client.patch(where, content=restart, headers=headers)
    assert refused.status_code == 501
    assert "post a new offer to /calls?call=" in refused.json()["detail"]

    stale = await client.patch(where, content=fragment, headers={**headers, "If-Match": '"x"'})
    assert stale.status_code == 412
    unnamed = await client.patch(where, content=fragment, headers={"Content-Type": FRAGMENT})
    assert unnamed.status_code == 428

    assert (await client.delete(where)).status_code == 200
    assert (await client.delete(where)).status_code == 404
    await browser.close()


HOST = "1 1 udp 2130706431 127.0.0.1 40000 typ host"
UNKNOWN = "2f2a0d0c-6a5d-4f0e-9a52-1f6c0e6f7a11.local"


@pytest.mark.parametrize(
    ("lines", "status", "said"),
    [
        (["a=mid:7", f"a=candidate:{HOST}"], 422, "mid '7': the offer's are 0, 1, 2, 3"),
        ([f"a=candidate:{HOST}"], 422, "belongs to no a=mid line before it"),
        (["a=mid:0", "a=candidate:1 1 udp"], 422, "cannot be read"),
        (["a=mid:0", "a=candidate:"], 422, "cannot be read"),
        (["a=mid:0", f"a=candidate:{HOST.replace('40000', 'x')}"], 422, "cannot be read"),
        (["a=mid:0", f"a=candidate:{HOST.replace('40000', '70000')}"], 422, "port 70000"),
        (["a=mid:0", f"a=candidate:{HOST.replace('127.0.0.1', '127.0.1')}"], 422, "127.0.1"),
        (["a=mid:0", f"a=candidate:{HOST.replace('host', 'guest')}"], 422, "guest"),
        (["a=mid:0", f"a=candidate:{HOST}", "a=mid:9", "a=candidate:x"], 422, "mid '9'"),
        (["a=mid:0", f"a=candidate:{HOST.replace('127.0.0.1', UNKNOWN)}"], 204, ""),
        (
            ["a=mid:0", "a=candidate:2 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active"],
            204,
            "",
        ),
        (["a=mid:0", "a=candidate:3 1 udp 1 ::1 4000 typ srflx raddr :: rport 9"], 204, ""),
        (["a=end-of-candidates"], 204, ""),
        (["a=mid:7", "a=end-of-candidates"], 422, "mid '7'"),
    ],
)
async def test_candidates_are_taken_or_refused(
    client: Client, lines: list[str], status: int, said: str
) -> None:
    browser = Browser()
    answer = await client.post(WHERE, content=await browser.offer(), headers=SDP)
    headers = {"Content-Type": FRAGMENT, "If-Match": "*"}
    fragment = "\r\n".join([*lines, ""])
    found = await client.patch(answer.headers["location"], content=fragment, headers=headers)
    assert found.status_code == status, found.text
    assert said in found.text
    await browser.close()


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        ("v=0", "text/plain", 415, "send application/sdp"),
        ("v=0", "", 415, "send application/sdp"),
        ("hello", "application/sdp", 400, "not SDP"),
        ("v=0\r\nm=audio", "application/sdp", 400, "cannot be read"),
        (b"v=0\xff\xfe", "application/sdp", 400, "not UTF-8"),
        ("v=0\r\n" + "a=x\r\n" * 20_000, "application/sdp", 413, "over 64 KiB"),
        ("v=0\r\ns=-\r\nt=0 0\r\n", "application/sdp", 422, "no audio"),
    ],
)
async def test_a_body_that_is_no_offer(
    client: Client, body: str | bytes, kind: str, status: int, said: str
) -> None:
    headers = {"Content-Type": kind} if kind else {}
    answer = await client.post(WHERE, content=body, headers=headers)
    assert answer.status_code == status
    assert said in answer.json()["detail"]


async def test_an_unknown_call(client: Client) -> None:
    browser = Browser()
    offer = await browser.offer()
    answer = await client.post(f"{WHERE}&call=00000000", content=offer, headers=SDP)
    assert answer.status_code == 404
    assert "begin a new one" in answer.json()["detail"]
    patched = await client.patch("/calls/none", content="", headers={"Content-Type": FRAGMENT})
    assert patched.status_code == 404
    await browser.close()


async def test_a_full_switchboard_says_when_to_come_back(
    client: Client, services: Services
) -> None:
    browsers = []
    while True:
        browser = Browser()
        browsers.append(browser)
        answer = await client.post(WHERE, content=await browser.offer(), headers=SDP)
        if answer.status_code != 201:
            break
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "30"
    assert len(browsers) == services.switchboard.capacity + 1
    for browser in browsers:
        await browser.close()
