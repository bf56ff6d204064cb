"""A kept recording in parts: every byte where it is asked for, and one line in the audit log."""

import pytest
from httpx import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from copilot.store.log import Store
from copilot.web.ranges import CHUNK, _bounds
from copilot.web.services import Services
from tests.helpers import Call
from tests.web.test_console import keep

SOUND = bytes(range(256)) * 600
"""More than two chunks."""
HERE = "/calls/c1/audio"


@pytest.fixture
async def kept(client: AsyncClient, services: Services, store: Store, asked: Call) -> AsyncClient:
    await keep(store, "c1", asked)
    path = services.console.desk.recording("c1")
    path.parent.mkdir()
    path.write_bytes(SOUND)
    assert len(SOUND) > 2 * CHUNK
    return client


@pytest.mark.parametrize(
    ("asked_for", "start", "end"),
    [
        ("bytes=0-", 0, len(SOUND)),
        ("bytes=0-0", 0, 1),
        ("bytes=1000-140000", 1000, 140_001),
        ("bytes=153599-", 153_599, len(SOUND)),
        ("bytes=-500", len(SOUND) - 500, len(SOUND)),
        ("bytes=-9999999", 0, len(SOUND)),
        ("bytes=100-9999999", 100, len(SOUND)),
        ("Bytes = 5 - 9", 5, 10),
    ],
)
async def test_a_part_is_sent_as_it_is_asked_for(
    kept: AsyncClient, asked_for: str, start: int, end: int
) -> None:
    answer = await kept.get(HERE, headers={"Range": asked_for})
    assert answer.status_code == 206
    assert answer.content == SOUND[start:end]
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(SOUND)}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize(
    "odd", ["", "bytes=", "bytes=-", "bytes=9-2", "bytes=0-1,5-6", "ticks=0-1", "bytes=x-", "\xff"]
)
async def test_all_of_it_is_sent_where_no_one_part_is_asked_for(
    kept: AsyncClient, odd: str
) -> None:
    answer = await kept.get(HERE, headers={b"Range": odd.encode("latin-1")})
    assert (answer.status_code, answer.content) == (200, SOUND)
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("beyond", ["bytes=153600-", "bytes=999999-1000000", "bytes=-0"])
async def test_what_is_not_there_is_said_to_be_too_far(kept: AsyncClient, beyond: str) -> None:
    answer = await kept.get(HERE, headers={"Range": beyond})
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{len(SOUND)}"


async def test_a_part_of_another_file_is_not_put_to_the_first(kept: AsyncClient) -> None:
    tag = (await kept.get(HERE)).headers["etag"]
    part = {"Range": "bytes=5-9"}
    assert (await kept.get(HERE, headers={**part, "If-Range": tag})).status_code == 206
    assert (await kept.get(HERE, headers={**part, "If-Range": '"older"'})).status_code == 200


async def test_many_requests_of_a_player_are_one_listen(kept: AsyncClient) -> None:
    for start in (0, 70_000, 3):
        await kept.get(HERE, headers={"Range": f"bytes={start}-"})
    deeds = (await kept.get("/api/v1/audit")).json()
    assert [one["what"] for one in deeds if one["act"] == "listened"] == ["c1, recorded"]


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_no_range_leaves_the_file(size: int, first: int, last: int) -> None:
    for asked_for in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        bounds = _bounds(asked_for, size)
        assert bounds is None or bounds[0] >= bounds[1] or 0 <= bounds[0] < bounds[1] <= size
