"""The console's services as one value, and the rules that they hand to calls that begin."""

from copilot.config import Settings
from copilot.console.digests import Digests
from copilot.console.listens import Listens
from copilot.console.policy import Mode, read
from copilot.console.rules import Rules
from copilot.console.settings import Consent, Desk
from copilot.console.whatif import Trials
from copilot.ports import Owner, Shelves
from copilot.sidecar.house import Beginning
from copilot.store.log import Store

RECORDINGS = "recordings"
"""Folder of the data folder."""


class Console:
    """A `copilot.sidecar.house.House`, and what pages and the API do their work with."""

    def __init__(self, store: Store, settings: Settings, shelves: Shelves | None = None) -> None:
        self.rules = Rules(store.console, settings.policy)
        self.trials = Trials(store, self.rules, shelves)
        self.desk = Desk(store, settings.data / RECORDINGS)
        self.digests = Digests(store, self.desk)
        self.listens = Listens()

    async def begin(self, owner: Owner, call_id: str) -> Beginning:
        """The rules for a call of this person that begins now; raises StoreError."""
        terms = await self.rules.terms(owner.team_id, owner.person_id)
        desk = await self.desk.of(owner.team_id)
        path = self.desk.recording(call_id) if desk.keep_audio else None
        return Beginning(
            terms.policy,
            terms.ruling,
            terms.level,
            desk.consent is not Consent.NEVER,
            terms.role,
            terms.voice,
            path,
        )


async def speaks(store: Store) -> bool:
    """Whether any team wants short cards spoken."""
    return any(read(one.body).mode is Mode.EAR for one in await store.console.newest())
