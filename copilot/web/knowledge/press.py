"""What calls get of a knowledge base: its versions, what publishing would change, and doing it."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from copilot.accounts.audit import Act
from copilot.accounts.caller import Caller
from copilot.ports import Embedder
from copilot.retrieval import publishing
from copilot.retrieval.changes import Changes, compare
from copilot.retrieval.conflicts import Conflict, find_conflicts
from copilot.retrieval.indexing import Indexer
from copilot.retrieval.packs import Pack
from copilot.retrieval.packs.draft import version_of
from copilot.retrieval.published import Publication
from copilot.retrieval.vectors import VectorCache, embed
from copilot.web.jobs import Job, Jobs, Tell
from copilot.web.knowledge.standing import Base, Standing, whole

TAKEN_SECONDS = 60.0
"""How long a publication waits to be taken over by the calls of this process."""
DRAFT = "draft"
"""What a version may be called beside its own name."""


@dataclass
class Press:
    """Publishes, compares and looks for contradictions; longer work is a job."""

    standing: Standing
    embedder: Embedder
    vectors: Callable[[], VectorCache]
    """Opens the cache of vectors, in the thread that uses it."""
    in_calls: Callable[[], Sequence[Pack]]
    """The packs that calls of this process get now."""
    jobs: Jobs

    async def history(self, caller: Caller, pack: str) -> tuple[Publication, ...]:
        """Newest first."""
        await self.standing.base(caller, pack)
        return tuple(reversed(self.standing.published.history(pack)))

    async def changes(
        self, caller: Caller, pack: str, old: str = "", new: str = DRAFT
    ) -> tuple[Pack, Pack, Changes]:
        """What differs between two versions; `old` is what calls get unless it is named.

        Raises PackFaults for a draft that cannot be published, PackError for an unknown version.
        """
        base = await self.standing.base(caller, pack)
        before = await asyncio.to_thread(self._version, base, old or base.version)
        after = await asyncio.to_thread(self._version, base, new)
        return before, after, await asyncio.to_thread(compare, before, after)

    def _version(self, base: Base, version: str) -> Pack:
        if not version:
            return Pack(base.name, base.title, base.description, base.language, "nothing", ())
        if version != DRAFT:
            chosen = publishing.named(base.name, version, self.standing.published)
            return self.standing.published.load(base.name, chosen)
        return whole(base)

    async def publish(self, caller: Caller, pack: str) -> Job:
        """Begin to publish the draft; raises PackFaults."""
        base = await self.standing.base(caller, pack)
        made = whole(base)
        await self.standing.note(caller, Act.KNOWLEDGE_PUBLISHED, made.ref)

        def run(indexer: Indexer) -> Pack:
            publishing.publish([made], self.standing.published, indexer, True, caller.known_as)
            return made

        return self._switch(caller, pack, f"Publishing {base.title}", run)

    async def roll_back(self, caller: Caller, pack: str, version: str | None) -> Job:
        """Begin to give calls an earlier version; raises PackError."""
        base = await self.standing.base(caller, pack)
        chosen = publishing.target(pack, version, self.standing.published)
        await self.standing.note(caller, Act.KNOWLEDGE_ROLLED_BACK, f"{pack}@{chosen}")

        def run(indexer: Indexer) -> Pack:
            return publishing.roll_back(
                pack, chosen, self.standing.published, indexer, caller.known_as
            )

        return self._switch(caller, pack, f"Rolling back {base.title}", run)

    async def retire(self, caller: Caller, pack: str) -> None:
        """Take the pack out of calls."""
        await self.standing.base(caller, pack)
        await asyncio.to_thread(publishing.retire, pack, self.standing.published, caller.known_as)
        await self.standing.note(caller, Act.KNOWLEDGE_RETIRED, pack)

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
        base = await self.standing.base(caller, pack)
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
