"""What knowledge bases a team has, and how each stands.

A pack that lies under ``knowledge.path`` is shown and can be published; to be edited it is copied
into the console's folder first, and is edited only there from then on.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.accounts.service import Accounts
from copilot.errors import PackError
from copilot.ports import DEFAULT_TEAM
from copilot.retrieval.drafts import Drafts, Unknown
from copilot.retrieval.packs import Pack, PackFaults
from copilot.retrieval.packs.draft import Draft
from copilot.retrieval.packs.edits import Edited
from copilot.retrieval.published import Publication, Published, current, versions


class State(StrEnum):
    """How a knowledge base stands."""

    FAULTY = "faulty"
    """Something in it must be put right before it can be published."""
    EMPTY = "empty"
    NEW = "new"
    """Never published."""
    CHANGED = "changed"
    """What is published says something else than the draft."""
    CURRENT = "current"
    """Calls get what the draft says."""
    RETIRED = "retired"
    GONE = "gone"
    """Published, and its folder is gone."""


class Base(Struct, frozen=True):
    """A knowledge base."""

    name: str
    title: str
    description: str
    language: str
    state: State
    editable: bool
    """Whether it is edited here; otherwise it lies in files that somebody keeps elsewhere."""
    passages: int
    faults: int
    doubts: int
    """Edits whose file has changed under them."""
    expired: int
    version: str
    """What calls get; empty: nothing."""
    last: Publication | None
    draft: Draft | None
    """None where there is no folder."""


@dataclass
class Standing:
    """Reads what there is, and writes down what is done with it."""

    drafts: Drafts
    published: Published
    files: Path
    """The folder of packs that are kept elsewhere: ``knowledge.path``."""
    accounts: Accounts

    def __post_init__(self) -> None:
        self.kept = Drafts(self.files)
        """Those packs."""

    async def bases(self, caller: Caller) -> list[Base]:
        """All of the caller's team, by title."""
        names = await self._names(caller)
        found = await asyncio.to_thread(lambda: [self._base(name) for name in names])
        return sorted(found, key=lambda base: (base.title.casefold(), base.name))

    async def base(self, caller: Caller, pack: str) -> Base:
        """Raises Unknown for another team's as for one that never was."""
        if pack not in await self._names(caller):
            raise _unknown(pack)
        return await asyncio.to_thread(self._base, pack)

    async def mine(self, caller: Caller, pack: str) -> str:
        """The pack, if the team edits it here; raises Unknown."""
        if pack not in await self._names(caller):
            raise _unknown(pack)
        if not self.drafts.has(pack):
            raise PackError(
                f"{pack!r} lies in files that are kept elsewhere. Choose “Edit here” first: then it"
                " is edited in the console."
            )
        return pack

    async def _names(self, caller: Caller) -> set[str]:
        async with self.accounts.office.tables.read() as tables:
            teams = await tables.people.pack_teams()
        there = await asyncio.to_thread(
            lambda: {*self.drafts.names(), *self.kept.names(), *self.published.names()}
        )
        return {name for name in there if teams.get(name, DEFAULT_TEAM) == caller.team_id}

    def _base(self, name: str) -> Base:
        history = self.published.history(name)
        version = current(history) or ""
        editable = self.drafts.has(name)
        draft = None
        if editable or self.kept.has(name):
            draft = (self.drafts if editable else self.kept).read(name)
        stored = None
        if draft is None or not draft.about:
            stored = self._stored(name)
        about = draft.about if draft and draft.about else {}
        passages = draft.passages if draft else stored.passages if stored else ()
        today = datetime.now(UTC).date().isoformat()
        return Base(
            name,
            about.get("title") or (stored.title if stored else name),
            about.get("description", stored.description if stored else ""),
            about.get("language", stored.language if stored else "en"),
            _state(draft, version, bool(history)),
            editable,
            len(passages),
            len(draft.faults) if draft else 0,
            len(draft.edited.doubts) if draft else 0,
            sum(bool(one.valid_until) and one.valid_until < today for one in passages),
            version,
            history[-1] if history else None,
            draft or (_as_draft(stored) if stored else None),
        )

    def _stored(self, name: str) -> Pack | None:
        known = versions(self.published.history(name))
        return self.published.load(name, known[-1]) if known else None

    async def note(self, caller: Caller, act: Act, what: str) -> None:
        """Write it into the audit log."""
        await self.accounts.audit.note(caller, act, what)


def _state(draft: Draft | None, version: str, ever: bool) -> State:
    if draft is None:
        return State.GONE if version else State.RETIRED
    if draft.faults:
        return State.FAULTY if draft.files or draft.passages or version else State.EMPTY
    if draft.pack is None:
        return State.EMPTY
    if version:
        return State.CURRENT if draft.pack.version == version else State.CHANGED
    return State.RETIRED if ever else State.NEW


def whole(base: Base) -> Pack:
    """The draft as it would be published; raises PackFaults where it cannot be."""
    if base.draft is None:
        raise PackError(f"{base.title} has no files any more: there is nothing to publish.")
    if base.draft.pack is None:
        raise PackFaults(base.draft.faults)
    return base.draft.pack


def _as_draft(pack: Pack) -> Draft:
    """A published version to look at, where its folder is gone."""
    about = {"title": pack.title, "description": pack.description, "language": pack.language}
    return Draft(pack.name, about, (), (), {}, Edited(pack.passages, {}, {}), None)


def _unknown(pack: str) -> Unknown:
    return Unknown(f"There is no knowledge base {pack!r}.")
