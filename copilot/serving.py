"""Serves the web application on one port until it is told to stop."""

import gc
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from copilot.assemble import services
from copilot.config import Settings
from copilot.errors import ConfigError
from copilot.retrieval.indexing import Progress
from copilot.web.app import create_app
from copilot.web.sample import Sample
from copilot.web.services import Services


async def serve(
    settings: Settings,
    ready: Callable[[str], None],
    progress: Progress | None = None,
    sample: Sample | None = None,
    welcome: Callable[[str], None] | None = None,
) -> None:
    """Serve until told to stop; `ready` gets the address once calls can be placed.

    `sample` is the call that the softphone can play; it is made when first wanted. `welcome` gets
    the one-time link of the first admin, as long as there is none.
    """
    listening = _listen(settings.server.host, settings.server.port)
    address = f"http://{settings.server.host}:{listening.getsockname()[1]}"
    async with services(settings, progress, sample) as made:
        config = uvicorn.Config(create_app(made), log_config=None, timeout_graceful_shutdown=1)
        link = await made.accounts.joining.first_link() if made.accounts.required else None

        def say() -> None:
            ready(address)
            if link is not None and welcome is not None:
                welcome(f"{address}/join/{link}")

        server = _Server(config, say, made)
        await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    """Says when it listens; ends calls and live views before it waits for its clients."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], made: Services) -> None:
        super().__init__(config)
        self._ready = ready
        self._made = made

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Models and libraries stay: to search them for garbage again and again would hold up every
        # call for most of a second each time.
        gc.collect()
        gc.freeze()
        self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order; the signal is not passed on, for it would cut the clean-up short."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._made.switchboard.close()
        self._made.streams.close()
        await super().shutdown(sockets)


def _listen(host: str, port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen()
    except OSError as error:
        made.close()
        raise ConfigError(
            f"server.port = {port}: cannot listen on {host} ({error.strerror}); stop what uses it, "
            "or choose another with --port (0 takes a free one)"
        ) from None
    return made
