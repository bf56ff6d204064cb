"""Puts the pages, the live view and the signalling together into one application."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

from copilot.web import calls, health, live, questions, signalling, softphone
from copilot.web.guard import Guard, harden
from copilot.web.pages import STATIC, environment
from copilot.web.problems import HANDLERS
from copilot.web.services import Services

ROUTES: Sequence[ControllerRouterHandler] = (  # flat: pages and signalling share paths
    health.health,
    health.ready,
    calls.index,
    calls.call,
    calls.log,
    calls.passage,
    live.call,
    live.changes,
    softphone.softphone,
    softphone.sample,
    signalling.place,
    signalling.trickle,
    signalling.hang_up,
    questions.ask,
)


def create_app(services: Services) -> Litestar:
    """The web application."""
    static = create_static_files_router(
        "/static", [STATIC], cache_control=CacheControlHeader(no_cache=True)
    )
    return Litestar(
        [*ROUTES, static],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "switchboard": Provide(lambda: services.switchboard, sync_to_thread=False),
        },
        state=State({"templates": environment(services.version)}),
        middleware=[Guard(frozenset(services.settings.server.hosts), services.origins)],
        before_send=[harden],
        exception_handlers={**HANDLERS, **signalling.HANDLERS},
        logging_config=None,
        openapi_config=None,
    )
