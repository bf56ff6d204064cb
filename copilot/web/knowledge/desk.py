"""What team leads do with knowledge bases: make them, fill them, and edit their passages."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.core.vocabulary import Passage
from copilot.errors import PackError
from copilot.ports import Embedder
from copilot.retrieval.drafts import About, Unknown
from copilot.retrieval.filing import file_name, limit_of
from copilot.retrieval.packs import Pack
from copilot.retrieval.packs.draft import FileReading
from copilot.retrieval.packs.edits import Edit
from copilot.retrieval.vectors import VectorCache
from copilot.web.jobs import Jobs
from copilot.web.knowledge.press import Press
from copilot.web.knowledge.receiving import receive
from copilot.web.knowledge.standing import Base, Standing


@dataclass
class Desk(Standing):
    """What the pages and the API do with knowledge bases."""

    embedder: Embedder
    vectors: Callable[[], VectorCache]
    """Opens the cache of vectors, in the thread that uses it."""
    in_calls: Callable[[], Sequence[Pack]]
    """The packs that calls of this process get now."""
    jobs: Jobs = field(default_factory=Jobs)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.press = Press(self, self.embedder, self.vectors, self.in_calls, self.jobs)
        """What calls get of them."""

    # ---- making and naming

    async def create(self, caller: Caller, about: About) -> str:
        """A new, empty knowledge base of the team; its name."""
        taken = {*self.drafts.names(), *self.kept.names(), *self.published.names()}
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
        if not self.kept.has(pack):
            raise Unknown(f"{pack!r} has no files any more: there is nothing to edit.")
        await asyncio.to_thread(self.drafts.adopt, self.kept.folder(pack))
        await self.note(caller, Act.KNOWLEDGE_MADE, f"{pack}, copied from {self.files}")

    async def drop(self, caller: Caller, pack: str) -> None:
        """Take a draft away that was never published, or whose files are kept elsewhere."""
        await self.mine(caller, pack)
        if self.published.history(pack) and not self.kept.has(pack):
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
        await asyncio.to_thread(self.drafts.leave_out, pack, id, caller.known_as, at)
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
