"""Others' tools over the Model Context Protocol: named, read-only, bounded in time and size."""

import asyncio
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from msgspec import Struct

from copilot.config.sections import Tool as Server
from copilot.errors import ConfigError
from copilot.mind.arguments import fault as misfit
from copilot.mind.arguments import masked, readable
from copilot.mind.evidence import Evidence
from copilot.mind.fences import harmless
from copilot.providers.redact import Redactor

log = logging.getLogger(__name__)

DESCRIBED = 400
"""Letters of a tool's description that a model sees."""
START_S = 10.0
"""For a server to start and to name its tools."""
AGAIN_S = 5.0
"""Until a server that did not start is tried again."""
_LISTED = 50
"""Tools of one server that are looked at."""


class Offered(Struct, frozen=True):
    """A tool that a team may use."""

    server: str
    name: str
    description: str
    schema: dict[str, Any]
    """Of its arguments, as JSON Schema: what of it is readable."""

    @property
    def source(self) -> str:
        return f"{self.server}.{self.name}"


class Tools:
    """The servers of the settings; each is started when first wanted."""

    def __init__(self, servers: Sequence[Server], redactor: Redactor) -> None:
        """Raises ConfigError for a server that cannot be reached in one way."""
        for at, one in enumerate(servers):
            if bool(one.command) == bool(one.url):
                raise ConfigError(f"tools[{at}] {one.name!r}: give either command or url")
            if one.url and not one.url.startswith(("http://", "https://")):
                raise ConfigError(f"tools[{at}].url = {one.url!r}: write it as https://host/mcp")
            if [other.name for other in servers].count(one.name) > 1:
                raise ConfigError(f"tools[{at}].name = {one.name!r}: two servers have it")
            if one.allow and not isinstance(one.teams, tuple):
                raise ConfigError(
                    f"tools[{at}] {one.name!r}: teams names each team's tools; leave allow out"
                )
        self._links = {one.name: _Link(one) for one in servers}
        self._redactor = redactor

    def any_for(self, team_id: str) -> bool:
        """Whether the team may use any."""
        return any(link.server.allowed(team_id) for link in self._links.values())

    def state(self, team_id: str) -> list[dict[str, object]]:
        """How the team's servers do; one is connected when first wanted."""
        mine = (link for link in self._links.values() if link.server.allowed(team_id))
        return [link.state() for link in mine]

    async def offered(self, team_id: str) -> list[Offered]:
        """What the team may use now; a server that does not answer offers nothing."""
        mine = [link for link in self._links.values() if link.server.allowed(team_id)]
        found = await asyncio.gather(*(link.tools() for link in mine))
        return [
            tool
            for link, tools in zip(mine, found, strict=True)
            for tool in tools
            if tool.name in link.server.allowed(team_id)
        ]

    async def use(
        self, team_id: str, source: str, arguments: Mapping[str, object], heard: str = ""
    ) -> Evidence:
        """What the tool says, or why it does not; it never raises and never takes long.

        `source` is ``server.tool``. What is not allowed for the team is not there. What the policy
        masks in `heard`, the talk that the arguments are from, is masked in them, too.
        """
        since = perf_counter()
        tool = next((one for one in await self.offered(team_id) if one.source == source), None)
        given, text = dict(arguments), ""
        if tool is None or not self._links[tool.server].server.trusted:
            given = await asyncio.to_thread(self._masked, arguments, heard)
        if tool is None:
            fault = "there is no such tool for this team"
        elif wrong := misfit(tool.schema, arguments):
            fault = f"the arguments do not fit: {wrong}"
        else:
            text, fault = await self._links[tool.server].call(tool.name, given)
        shown = json.dumps(given, ensure_ascii=False, default=str)[:1000]
        text = await asyncio.to_thread(harmless, text)
        return Evidence(source, shown, text, fault, round(1000 * (perf_counter() - since)))

    async def close(self) -> None:
        await asyncio.gather(*(link.close() for link in self._links.values()))

    def _masked(self, arguments: Mapping[str, object], heard: str) -> dict[str, object]:
        mask = self._redactor.mask()
        mask.hide(heard)
        return masked(arguments, mask)


class _Link:
    """One server: a task that owns the connection, as the protocol's library wants it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._task: asyncio.Task[None] | None = None
        self._client: Any = None
        self._ready = asyncio.Event()
        self._stop = asyncio.Event()
        self.fault = ""
        """Why it was not connected when that was last tried."""
        self._tools: list[Offered] = []
        self._tried = -AGAIN_S

    def state(self) -> dict[str, object]:
        return {
            "server": self.server.name,
            "connected": self._client is not None,
            "tools": [one.name for one in self._tools],
            "fault": self.fault,
        }

    async def tools(self) -> list[Offered]:
        await self._connect()
        return self._tools if self._client is not None else []

    async def call(self, name: str, arguments: dict[str, object]) -> tuple[str, str]:
        """Text and fault, one of them empty."""
        seconds = self.server.seconds
        try:
            async with asyncio.timeout(seconds):
                result = await self._client.call_tool(name, arguments)
        except TimeoutError:
            self._stop.set()  # whoever does not answer is started anew
            return "", f"no answer within {seconds:g} s"
        except Exception as error:  # whatever the library makes of what a server sends
            self._stop.set()
            return "", f"it failed ({type(error).__name__})"
        text = "\n".join(
            part.text for part in result.content if getattr(part, "type", "") == "text"
        )
        most = 1024 * self.server.kilobytes
        text = text.encode()[:most].decode(errors="ignore")
        return ("", f"it says: {harmless(text)[:200]}") if result.is_error else (text, "")

    async def close(self) -> None:
        self._stop.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=START_S)
            self._task.cancel()

    async def _connect(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._task is None or self._task.done():
            if now - self._tried < AGAIN_S:
                return
            self._tried = now
            self._ready, self._stop = asyncio.Event(), asyncio.Event()
            self._task = asyncio.create_task(self._hold())
        try:
            await asyncio.wait_for(self._ready.wait(), START_S)
        except TimeoutError:
            self._stop.set()

    async def _hold(self) -> None:
        """Be connected until told to stop."""
        from copilot.mind.mcplink import connected

        try:
            _check_program(self.server.command)
            async with asyncio.timeout(START_S) as starting, connected(self.server) as client:
                listed = await client.list_tools()
                self._tools = [one for tool in listed.tools[:_LISTED] if (one := self._offer(tool))]
                starting.reschedule(None)
                self._client, self._tried, self.fault = client, -AGAIN_S, ""
                self._ready.set()
                await self._stop.wait()
        except Exception as error:
            self.fault = _why(error)
            log.warning("tools %s: not connected: %s", self.server.name, self.fault)
        finally:
            self._client = None
            self._ready.set()

    def _offer(self, tool: Any) -> Offered | None:
        """The tool, if the settings allow it to anybody, and it only reads as far as it says so
        itself."""
        reads = tool.annotations is not None and tool.annotations.read_only_hint is True
        if tool.name not in self.server.named or not (reads or self.server.writes):
            return None
        described = harmless((tool.description or "")[: 4 * DESCRIBED])[:DESCRIBED]
        schema = readable(tool.input_schema)
        if schema is None:
            log.warning("tools %s: the arguments of %s cannot be read", self.server.name, tool.name)
            return None
        return Offered(self.server.name, tool.name, described, schema)


def _check_program(command: Sequence[str]) -> None:
    if command and shutil.which(command[0]) is None:
        raise FileNotFoundError(f"{command[0]}: there is no such program; put its whole path")


def _why(error: BaseException) -> str:
    """The fault at the bottom of what the library makes of it, in a line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return f"no answer within {START_S:g} s"
    told = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {told}" if told else type(error).__name__
