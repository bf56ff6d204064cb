"""What a test does to a server elsewhere: the console's side of a pairing, what is heard."""

import asyncio
import gc
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from aioice.ice import StunProtocol
from litestar.types import ASGIApp, Receive, Scope, Send

from copilot.accounts.caller import Caller
from copilot.accounts.service import Accounts


class Hooks:
    """The application, and beside it ``/test/…``."""

    def __init__(
        self, app: ASGIApp, accounts: Accounts, agent: Caller | None, heard: dict[str, int]
    ) -> None:
        self.app = app
        self.accounts = accounts
        self.agent = agent
        """Who approves pairings, where one must sign in."""
        self.heard = heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if not path.startswith("/test/"):
            return await self.app(scope, receive, send)
        form = dict(parse_qsl((await _body(receive)).decode()))
        answer = await self.answer(path, form)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = msgspec.json.encode(answer)
        return await send({"type": "http.response.body", "body": body, "more_body": False})

    async def answer(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        if path == "/test/pair":
            assert self.agent is not None
            await self.accounts.devices.answer(self.agent, form["code"], form["as"] == "approve")
        if path == "/test/cut":
            cut()
        return {"heard": self.heard}


class Nowhere(asyncio.DatagramTransport):
    """Of a socket whose datagrams get lost; all else is the socket's."""

    def __init__(self, real: asyncio.DatagramTransport) -> None:
        super().__init__()
        self._real = real

    def sendto(self, data: object, addr: object = None) -> None: ...

    def close(self) -> None:
        self._real.close()


def cut() -> None:
    """Take its datagrams from every connection that is there now, as a change of networks does."""
    for one in gc.get_objects():
        if isinstance(one, StunProtocol):
            one.datagram_received = lambda data, addr: None  # type: ignore[method-assign]
            one.transport = Nowhere(one.transport)


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body, more = body + message["body"], message["more_body"]
    return body
