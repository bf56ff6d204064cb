"""Drafting, trying, publishing, rolling back: in which order, and what is in force then."""

import msgspec
import pytest

from copilot.console.console import Console
from copilot.console.policy import Mode, TeamPolicy
from copilot.console.whatif import Trial
from copilot.errors import PolicyError
from copilot.ports import Owner
from copilot.store.log import Store
from tests.console.calls import asked, keep

SHY = TeamPolicy(min_need=100, profiles={}, do_not_trigger=("change",))


async def attempt(console: Console, policy: TeamPolicy) -> Trial:
    rules = console.rules
    draft = await rules.write("ours", "lead", policy)
    trial = console.trials.begin(draft, policy, (await rules.today("ours")).policy)
    await console.trials.wait("ours")
    return trial


async def test_a_draft_is_published_only_after_its_what_if(store: Store, console: Console) -> None:
    await keep(store, "a", asked().end())
    await keep(store, "b", asked().end())
    await keep(store, "live", asked())
    await keep(store, "c", asked().end(), Owner("theirs", "zoe"))
    rules = console.rules
    with pytest.raises(PolicyError, match="no draft"):
        await rules.publish("ours", "lead", "")
    await rules.write("ours", "lead", SHY)
    with pytest.raises(PolicyError, match="has not been tried"):
        await rules.publish("ours", "lead", "")
    trial = await attempt(console, SHY)
    assert (trial.fault, trial.done, trial.of) == ("", 2, 2), "of the own team, and ended"
    report = msgspec.json.decode(trial.report)
    assert (report["before"]["cards"], report["after"]["cards"]) == (2, 0)
    assert report["fates"]["lost"] == 2
    assert report["after"]["silences"] == {"do_not_trigger": 2}
    made = await rules.publish("ours", "lead", " fewer cards ")
    assert (made.number, made.note) == (1, "fewer cards")
    assert await rules.draft("ours") is None
    assert (await rules.today("ours")).policy == SHY


async def test_a_draft_that_changed_must_be_tried_again(console: Console) -> None:
    await attempt(console, SHY)
    await console.rules.write("ours", "lead", SHY)
    draft = await console.rules.draft("ours")
    assert draft is not None
    assert draft.report, "the same text has been tried"
    await console.rules.write("ours", "lead", TeamPolicy(mode=Mode.SHADOW))
    with pytest.raises(PolicyError, match="has not been tried"):
        await console.rules.publish("ours", "lead", "")


async def test_rolling_back_is_a_new_policy_with_the_old_text(console: Console) -> None:
    for policy in (SHY, TeamPolicy(mode=Mode.EAR)):
        await attempt(console, policy)
        await console.rules.publish("ours", "lead", "")
    with pytest.raises(PolicyError, match="in force already"):
        await console.rules.roll_back("ours", 2, "lead")
    with pytest.raises(PolicyError, match="no policy 9"):
        await console.rules.roll_back("ours", 9, "lead")
    with pytest.raises(PolicyError, match="no policy 1"):
        await console.rules.roll_back("theirs", 1, "lead")
    made = await console.rules.roll_back("ours", 1, "boss")
    assert (made.number, made.by, made.note) == (3, "boss", "Back to policy 1")
    assert (await console.rules.today("ours")).policy == SHY
    assert [one.number for one in await console.rules.history("ours")] == [3, 2, 1]


async def test_calls_begin_under_their_teams_policy(console: Console) -> None:
    await attempt(console, TeamPolicy(mode=Mode.SHADOW, budget=70, profiles={}))
    await console.rules.publish("ours", "lead", "")
    ours = await console.begin(Owner("ours", "anna"), "c1")
    theirs = await console.begin(Owner("theirs", "zoe"), "c2")
    assert (ours.ruling, ours.policy.shadow, ours.policy.budget) == (1, True, 70)
    assert (theirs.ruling, theirs.policy.shadow) == (0, False)
    assert ours.recording is None


async def test_a_what_if_that_cannot_read_says_so(store: Store, console: Console) -> None:
    await keep(store, "a", asked().end())
    async with store._engine.begin() as connection:
        await connection.exec_driver_sql('update record set body = \'{"type": "unheard_of"}\'')
    trial = await attempt(console, SHY)
    assert "does not know an entry of its log" in trial.fault
    assert not trial.report
