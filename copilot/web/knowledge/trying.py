"""Try it: typed words or a recording through the same session as a call, and why it decided so."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from copilot.accounts.caller import Caller
from copilot.core.policy import Policy
from copilot.errors import AudioError
from copilot.evaluate import listen
from copilot.evaluate.spoken import read_transcript, say
from copilot.evaluate.why import Explained, explain
from copilot.ports import Listener, Shelves
from copilot.retrieval.packs.file import MIB
from copilot.web.jobs import Job, Jobs, Tell

MOST_BYTES = 128 * MIB
MOST_SECONDS = 30 * 60
"""Of a recording that is tried: it is heard on this machine, beside live calls."""
SOUNDS = (".wav", ".flac", ".ogg", ".aiff", ".aif", ".mp3")


class Tried(Struct, frozen=True):
    """What came of it."""

    told: Explained
    what: str
    """What was tried: ``Typed words``, or the recording's name."""
    guessed: str = ""
    """The name in a transcript that was taken for the agent's."""
    text: str = ""


@dataclass(frozen=True)
class Trial:
    """What trying needs."""

    shelves: Shelves
    jobs: Jobs
    policy: Callable[[Caller], Awaitable[Policy]]
    """The rules that a call of the caller would begin under."""
    ear: Callable[[], Awaitable[Listener]]
    """Opens a listener that waits for its words; raises UserError where there can be none."""

    async def words(self, caller: Caller, text: str, packs: tuple[str, ...], swap: bool) -> Job:
        """Begin to run typed words over these packs of the team; raises TranscriptError."""
        transcript = read_transcript(text, swap)
        pinned = self.shelves.pin(packs)
        policy = await self.policy(caller)

        async def work(tell: Tell) -> Tried:
            def progress(done: int, of: int) -> None:
                tell("hearing the words", done, of)

            entries = await say(transcript.turns, pinned, policy, progress)
            told = await asyncio.to_thread(explain, entries)
            return Tried(told, "Typed words", transcript.guessed, text)

        return self.jobs.start(caller.team_id, "try", caller.person_id, "Trying the words", work)

    async def recording(
        self,
        caller: Caller,
        file: Path,
        name: str,
        packs: tuple[str, ...],
        swap: bool,
    ) -> Job:
        """Begin to hear a recording, which is removed afterwards; raises AudioError."""
        try:
            pinned = self.shelves.pin(packs)
            call = await asyncio.to_thread(listen.recorded, file, None, MOST_SECONDS)
        except AudioError as error:
            raise AudioError(str(error).replace(str(file), name)) from None
        finally:
            await asyncio.to_thread(file.unlink, missing_ok=True)
        call = msgspec.structs.replace(call, name=name)
        if swap and call.agent is not None:
            call = msgspec.structs.replace(call, agent=call.customer, customer=call.agent)
        policy = await self.policy(caller)

        async def work(tell: Tell) -> Tried:
            tell("starting the ear", 0, 0)
            listener = await self.ear()
            try:
                heard = await listen.play(call, listener, pinned, policy, tell)
            finally:
                await listener.close()
            return Tried(await asyncio.to_thread(explain, heard.entries), name)

        label = f"Hearing {name}"
        return self.jobs.start(caller.team_id, "try", caller.person_id, label, work)
