"""The knowledge bases of a team: what there is, how each stands, and what is done with it.

A pack that lies under ``knowledge.path`` is shown and can be published; to be edited it is copied
into the console's folder first, and is edited only there from then on.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from msgspec import Struct

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.accounts.service import Accounts
from copilot.core.events import Passage
from copilot.errors import PackError
from copilot.ports import DEFAULT_TEAM, Embedder, Shelves
from copilot.retrieval import publishing
from copilot.retrieval.changes import Changes, compare
from copilot.retrieval.conflicts import Conflict, find_conflicts
from copilot.retrieval.drafts import About, Drafts, Unknown, file_name, limit_of
from copilot.retrieval.indexing import Indexer
from copilot.retrieval.packs import Pack, PackFaults
from copilot.retrieval.packs.draft import Draft, FileReading, version_of
from copilot.retrieval.packs.edits import Edit, Edited
from copilot.retrieval.published import Publication, Published, current, versions
from copilot.retrieval.vectors import VectorCache, embed
from copilot.web.jobs import Job, Jobs, Tell
from copilot.web.knowledge.receiving import receive

TAKEN_SECONDS = 60.0
"""How long a publication waits to be taken over by the calls of this process."""
DRAFT = "draft"
"""What a version may be called beside its own name."""


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
class Desk:
    """What the pages and the API do with knowledge bases."""

    drafts: Drafts
    published: Published
    files: Path
    """The folder of packs that are kept elsewhere: ``knowledge.path``."""
    accounts: Accounts
    embedder: Embedder
    vectors: Callable[[], VectorCache]
    """Opens the cache of vectors, in the thread that uses it."""
    shelves: Shelves
    in_calls: Callable[[], Sequence[Pack]]
    """The packs that calls of this process get now."""
    jobs: Jobs = field(default_factory=Jobs)

    def __post_init__(self) -> None:
        self._kept = Drafts(self.files)

    # ---- whose it is

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
            lambda: {*self.drafts.names(), *self._kept.names(), *self.published.names()}
        )
        return {name for name in there if teams.get(name, DEFAULT_TEAM) == caller.team_id}

    def _base(self, name: str) -> Base:
        history = self.published.history(name)
        version = current(history) or ""
        editable = self.drafts.has(name)
        draft = None
        if editable or self._kept.has(name):
            draft = (self.drafts if editable else self._kept).read(name)
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

    # ---- making and naming

    async def create(self, caller: Caller, about: About) -> str:
        """A new, empty knowledge base of the team; its name."""
        taken = {*self.drafts.names(), *self._kept.names(), *self.published.names()}
        if self.files.is_dir():
            taken |= {path.name for path in self.files.iterdir()}
        taken |= {"new", "gaps"}  # pages beside the packs'
        pack = await asyncio.to_thread(self.drafts.create, about, taken)
        async with self.accounts.office.tables.write() as tables:
            await tables.people.give_pack(pack, caller.team_id)
        await self.note(caller, Act.KNOWLEDGE_MADE, pack)
        return pack

    async def adopt(self, caller: Caller, pack: str) -> None:
        """Copy a pack that is kept elsewhere, to edit it here."""
        base = await self.base(caller, pack)
        if base.editable:
            return
        if not self._kept.has(pack):
            raise Unknown(f"{pack!r} has no files any more: there is nothing to edit.")
        await asyncio.to_thread(self.drafts.adopt, self._kept.folder(pack))
        await self.note(caller, Act.KNOWLEDGE_MADE, f"{pack}, copied from {self.files}")

    async def drop(self, caller: Caller, pack: str) -> None:
        """Take a draft away that was never published, or whose files are kept elsewhere."""
        await self.mine(caller, pack)
        if self.published.history(pack) and not self._kept.has(pack):
            raise PackError(f"{pack!r} was published: retire it instead, so that it can come back.")
        await asyncio.to_thread(self.drafts.drop, pack)
        await self.note(caller, Act.KNOWLEDGE_DROPPED, pack)

    async def describe(self, caller: Caller, pack: str, about: About) -> None:
        """Call it otherwise; raises Unusable."""
        await self.mine(caller, pack)
        await asyncio.to_thread(self.drafts.describe, pack, about)
        await self.note(caller, Act.KNOWLEDGE_CHANGED, f"{pack}: its name")

    # ---- files

    async def put_file(
        self, caller: Caller, pack: str, name: str, chunks: AsyncIterator[bytes]
    ) -> tuple[FileReading, bool]:
        """Take a file in as it comes; how it reads, and whether it replaced another.

        Raises PackError for a kind that is not read, HTTP 413 for too much.
        """
        await self.mine(caller, pack)
        name = file_name(name)
        with self.drafts.receiving(pack) as part:
            if not await receive(chunks, part, limit_of(name)):
                raise PackError(f"{name} is empty. Choose another file.")
            read, replaced = await asyncio.to_thread(self.drafts.keep, pack, name, part)
        await self.note(caller, Act.KNOWLEDGE_CHANGED, f"{pack}: {name}")
        return read, replaced

    async def remove_file(self, caller: Caller, pack: str, name: str) -> None:
        """Take a file out, with the edits of its passages."""
        await self.mine(caller, pack)
        await asyncio.to_thread(self.drafts.remove, pack, name)
        await self.note(caller, Act.KNOWLEDGE_CHANGED, f"{pack}: {name} removed")

    # ---- passages

    async def passage(self, caller: Caller, pack: str, id: str) -> tuple[Base, Passage]:
        """The knowledge base and its passage; raises Unknown."""
        base = await self.base(caller, pack)
        passages = base.draft.passages if base.draft else ()
        found = next((one for one in passages if one.id == id), None)
        if found is None:
            raise Unknown(f"There is no passage {id[:120]!r} in this knowledge base.")
        return base, found

    async def save(self, caller: Caller, pack: str, id: str, edit: Edit, expected: str) -> None:
        """Let the passage say this; raises Unknown, Clash or Unusable."""
        await self.mine(caller, pack)
        await asyncio.to_thread(self.drafts.edit, pack, id, edit, expected)
        await self.note(caller, Act.KNOWLEDGE_CHANGED, id)

    async def write(self, caller: Caller, pack: str, edit: Edit) -> str:
        """A new passage; its id. Raises Unusable."""
        await self.mine(caller, pack)
        id = await asyncio.to_thread(self.drafts.add, pack, edit)
        await self.note(caller, Act.KNOWLEDGE_CHANGED, id)
        return id

    async def leave_out(self, caller: Caller, pack: str, id: str, at: str) -> None:
        """Take the passage out of what is published."""
        await self.mine(caller, pack)
        await asyncio.to_thread(self.drafts.leave_out, pack, id, _name(caller), at)
        await self.note(caller, Act.KNOWLEDGE_CHANGED, f"{id} left out")

    async def restore(self, caller: Caller, pack: str, id: str) -> None:
        """Let it say what its file says."""
        await self.mine(caller, pack)
        await asyncio.to_thread(self.drafts.restore, pack, id)
        await self.note(caller, Act.KNOWLEDGE_CHANGED, f"{id} as in its file")

    async def stand(self, caller: Caller, pack: str, id: str) -> None:
        """Confirm the edit over what its file says now."""
        await self.mine(caller, pack)
        await asyncio.to_thread(self.drafts.stand, pack, id)
        await self.note(caller, Act.KNOWLEDGE_CHANGED, f"{id} confirmed")

    async def note(self, caller: Caller, act: Act, what: str) -> None:
        """Write it into the audit log."""
        await self.accounts.audit.note(caller, act, what)

    # ---- publishing

    async def history(self, caller: Caller, pack: str) -> tuple[Publication, ...]:
        """Newest first."""
        await self.base(caller, pack)
        return tuple(reversed(self.published.history(pack)))

    async def changes(
        self, caller: Caller, pack: str, old: str = "", new: str = DRAFT
    ) -> tuple[Pack, Pack, Changes]:
        """What differs between two versions; `old` is what calls get unless it is named.

        Raises PackFaults for a draft that cannot be published, PackError for an unknown version.
        """
        base = await self.base(caller, pack)
        before = await asyncio.to_thread(self._version, base, old or base.version)
        after = await asyncio.to_thread(self._version, base, new)
        return before, after, await asyncio.to_thread(compare, before, after)

    def _version(self, base: Base, version: str) -> Pack:
        if not version:
            return Pack(base.name, base.title, base.description, base.language, "nothing", ())
        if version != DRAFT:
            chosen = publishing.named(base.name, version, self.published)
            return self.published.load(base.name, chosen)
        return _whole(base)

    async def publish(self, caller: Caller, pack: str) -> Job:
        """Begin to publish the draft; raises PackFaults."""
        base = await self.base(caller, pack)
        made = _whole(base)
        await self.note(caller, Act.KNOWLEDGE_PUBLISHED, made.ref)

        def run(indexer: Indexer) -> Pack:
            publishing.publish([made], self.published, indexer, True, _name(caller))
            return made

        return self._switch(caller, pack, f"Publishing {base.title}", run)

    async def roll_back(self, caller: Caller, pack: str, version: str | None) -> Job:
        """Begin to give calls an earlier version; raises PackError."""
        base = await self.base(caller, pack)
        chosen = publishing.target(pack, version, self.published)
        await self.note(caller, Act.KNOWLEDGE_ROLLED_BACK, f"{pack}@{chosen}")

        def run(indexer: Indexer) -> Pack:
            return publishing.roll_back(pack, chosen, self.published, indexer, _name(caller))

        return self._switch(caller, pack, f"Rolling back {base.title}", run)

    async def retire(self, caller: Caller, pack: str) -> None:
        """Take the pack out of calls."""
        await self.base(caller, pack)
        await asyncio.to_thread(publishing.retire, pack, self.published, _name(caller))
        await self.note(caller, Act.KNOWLEDGE_RETIRED, pack)

    def _switch(self, caller: Caller, pack: str, label: str, run: Callable[[Indexer], Pack]) -> Job:
        async def work(tell: Tell) -> Pack:
            def index() -> Pack:
                with closing(self.vectors()) as cache:
                    return run(Indexer(self.embedder, None, cache, tell, workers=1))

            made = await asyncio.to_thread(index)
            tell("handing it to the calls", 0, 0)
            deadline = asyncio.get_running_loop().time() + TAKEN_SECONDS
            while made.ref not in {one.ref for one in self.in_calls()}:
                if asyncio.get_running_loop().time() > deadline:
                    break
                await asyncio.sleep(0.2)
            return made

        return self.jobs.start(caller.team_id, "publish", pack, label, work)

    # ---- duplicates and contradictions

    async def conflicts(self, caller: Caller, pack: str) -> Job:
        """Begin to look for them in the draft, or give what was found in the same passages."""
        base = await self.base(caller, pack)
        passages = base.draft.passages if base.draft else ()
        key = f"{pack}@{version_of(passages)}"
        known = self.jobs.last(caller.team_id, "conflicts", key)
        if known is not None:
            return known

        def find(tell: Tell) -> tuple[Conflict, ...]:
            texts = [passage.title for passage in passages]
            texts += [f"{passage.title}\n{passage.text}" for passage in passages]
            if not texts:
                return ()
            with closing(self.vectors()) as cache:
                vectors = embed(
                    texts,
                    self.embedder,
                    cache,
                    lambda done: tell("reading the passages", done, len(texts)),
                    1,
                )
            tell("comparing them", len(texts), len(texts))
            return find_conflicts(passages, vectors[: len(passages)], vectors[len(passages) :])

        async def work(tell: Tell) -> tuple[Conflict, ...]:
            return await asyncio.to_thread(find, tell)

        label = f"Comparing the passages of {base.title}"
        return self.jobs.start(caller.team_id, "conflicts", key, label, work)


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


def _whole(base: Base) -> Pack:
    if base.draft is None:
        raise PackError(f"{base.title} has no files any more: there is nothing to publish.")
    if base.draft.pack is None:
        raise PackFaults(base.draft.faults)
    return base.draft.pack


def _as_draft(pack: Pack) -> Draft:
    """A published version to look at, where its folder is gone."""
    about = {"title": pack.title, "description": pack.description, "language": pack.language}
    return Draft(pack.name, about, (), (), {}, Edited(pack.passages, {}, {}), None)


def _name(caller: Caller) -> str:
    return caller.email or caller.name


def _unknown(pack: str) -> Unknown:
    return Unknown(f"There is no knowledge base {pack!r}.")
