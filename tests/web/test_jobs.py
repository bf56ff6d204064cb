"""Work that goes on beside pages: one of a kind, few at once, one team's own, and no loose ends."""

import asyncio

import pytest

from copilot.errors import PackError
from copilot.web.jobs import EACH, Busy, Jobs, Stage, Tell, UnknownJob


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()


async def test_a_job_tells_how_far_it_is_and_what_came_of_it(jobs: Jobs) -> None:
    go = asyncio.Event()

    async def work(tell: Tell) -> int:
        tell("counting", 3, 12)
        await go.wait()
        return 7

    job = jobs.start("team", "count", "all", "Counting", work)
    assert await job.wait(0.01) is False
    assert (job.stage, job.doing, job.percent) == (Stage.RUNNING, "counting", 25)
    assert jobs.start("team", "count", "all", "Counting", work) is job
    go.set()
    assert await job.wait(1)
    assert (job.stage, job.result) == (Stage.DONE, 7)
    assert jobs.last("team", "count", "all") is job
    assert jobs.last("other", "count", "all") is None


async def test_a_mistake_is_told_and_a_bug_is_not(jobs: Jobs) -> None:
    async def mistake(tell: Tell) -> None:
        raise PackError("the file is empty")

    async def bug(tell: Tell) -> None:
        raise RuntimeError("secret path /home/x")

    one = jobs.start("team", "a", "", "One", mistake)
    two = jobs.start("team", "b", "", "Two", bug)
    await one.wait(1)
    await two.wait(1)
    assert (one.stage, one.error) == (Stage.FAILED, "the file is empty")
    assert isinstance(one.failure, PackError)
    assert two.stage is Stage.FAILED
    assert "secret" not in two.error
    assert jobs.last("team", "a", "") is None


async def test_a_team_has_few_at_once_and_others_wait_for_none_of_them(jobs: Jobs) -> None:
    stop = asyncio.Event()

    async def wait(tell: Tell) -> None:
        await stop.wait()

    mine = [jobs.start("team", "wait", str(n), "Waiting", wait) for n in range(EACH)]
    with pytest.raises(Busy):
        jobs.start("team", "wait", "more", "Waiting", wait)
    jobs.start("other", "wait", "0", "Waiting", wait)
    with pytest.raises(UnknownJob):
        jobs.get("other", mine[0].id)
    stop.set()
    for job in mine:
        assert await job.wait(1)


async def test_closing_ends_what_is_under_way(jobs: Jobs) -> None:
    async def forever(tell: Tell) -> None:
        await asyncio.Event().wait()

    job = jobs.start("team", "wait", "", "Waiting", forever)
    await asyncio.sleep(0)
    await jobs.close()
    assert job.over
