"""What pages and API do with webhooks, written down as it is done."""

from collections.abc import Sequence

from litestar.exceptions import NotFoundException

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.mind.egress import place
from copilot.store.mind.rows import Hook
from copilot.web.customers import background, who
from copilot.web.services import Services


async def add(services: Services, caller: Caller, url: str, events: Sequence[str]) -> Hook:
    """One more, with the secret that is told this once; raises SettingError."""
    hooks = background(services).webhooks
    made = await hooks.add(caller.team_id, url.strip(), events, who(caller))
    await services.accounts.audit.note(caller, Act.WEBHOOK_ADDED, place(made.url))
    return made


async def remove(services: Services, caller: Caller, hook_id: int) -> None:
    found = await one(services, caller, hook_id)
    await background(services).webhooks.remove(caller.team_id, hook_id)
    await services.accounts.audit.note(caller, Act.WEBHOOK_REMOVED, place(found.url))


async def test(services: Services, caller: Caller, hook_id: int) -> None:
    """Send it a message that says nothing; what came of it is in the log of deliveries."""
    found = await one(services, caller, hook_id)
    await background(services).webhooks.test(caller.team_id, found.url)
    await services.accounts.audit.note(caller, Act.WEBHOOK_TESTED, place(found.url))


async def replay(services: Services, caller: Caller, delivery_id: int) -> None:
    """Send a message again, with the same id and body."""
    if not await background(services).webhooks.replay(caller.team_id, delivery_id):
        raise NotFoundException(f"delivery {delivery_id}: there is none of that number")
    await services.accounts.audit.note(caller, Act.DELIVERY_REPLAYED, f"delivery {delivery_id}")


async def one(services: Services, caller: Caller, hook_id: int) -> Hook:
    """A webhook that the team's admins have added; raises NotFoundException."""
    found = await background(services).webhooks.added(caller.team_id)
    hook = next((hook for hook in found if hook.id == hook_id), None)
    if hook is None:
        raise NotFoundException(f"webhook {hook_id}: there is none of that number")
    return hook
