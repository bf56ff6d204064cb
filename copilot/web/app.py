"""Puts the pages, the live view and the signalling together into one application."""

from collections.abc import Sequence, Set
from functools import partial

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import CacheControlHeader, State
from litestar.di import Provide
from litestar.static_files import create_static_files_router
from litestar.types import ControllerRouterHandler

from copilot.web import calls, doors, health, live, mcp, schema, signalling, softphone
from copilot.web.access import ANYBODY, declared
from copilot.web.accounts import account, audit, pairing, people, provider, signin, tokens
from copilot.web.api import accounts as api
from copilot.web.api import knowledge, mind, webhooks
from copilot.web.console import after, analytics, customers, judging, policy, review, settings, wall
from copilot.web.console import api as console
from copilot.web.console import webhooks as hooks
from copilot.web.guard import Guard, harden
from copilot.web.knowledge import forms, routes
from copilot.web.pages import STATIC, environment
from copilot.web.problems import HANDLERS
from copilot.web.services import Services

ROUTES: Sequence[ControllerRouterHandler] = (  # flat: pages and signalling share paths
    health.health,
    health.ready,
    calls.call,
    calls.log,
    calls.passage,
    live.call,
    live.changes,
    *wall.ROUTES,
    *review.ROUTES,
    *judging.ROUTES,
    *policy.ROUTES,
    *analytics.ROUTES,
    *settings.ROUTES,
    *hooks.ROUTES,
    *customers.ROUTES,
    *after.ROUTES,
    console.router,
    softphone.softphone,
    softphone.sample,
    signalling.place,
    signalling.trickle,
    signalling.hang_up,
    *signin.ROUTES,
    *provider.ROUTES,
    *account.ROUTES,
    *people.ROUTES,
    *audit.ROUTES,
    *pairing.ROUTES,
    *tokens.ROUTES,
    api.router,
    *routes.ROUTES,
    knowledge.router,
    mind.router,
    webhooks.router,
    mcp.endpoint,
)


def create_app(services: Services) -> Litestar:
    """The web application; calls begin under the rules of their team from now on."""
    services.switchboard.use(services.console)
    if services.background is not None:
        services.background.memory.told = partial(mind.tell, services.switchboard)
    static = create_static_files_router(
        "/static", [STATIC], cache_control=CacheControlHeader(no_cache=True), guards=[ANYBODY]
    )
    return Litestar(
        [*ROUTES, static],
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "switchboard": Provide(lambda: services.switchboard, sync_to_thread=False),
            "accounts": Provide(lambda: services.accounts, sync_to_thread=False),
            "caller": Provide(doors.caller, sync_to_thread=False),
            "calls": Provide(doors.calls, sync_to_thread=False),
            "shelf": Provide(doors.shelf),
            "desk": Provide(lambda: services.desk, sync_to_thread=False),
            "trial": Provide(lambda: services.trial, sync_to_thread=False),
        },
        guards=[declared],
        state=State({"templates": environment(services.version), "services": services}),
        middleware=[Guard(frozenset(services.settings.server.hosts), services.origins)],
        cors_config=_cors(services.origins),
        before_send=[harden],
        exception_handlers={**HANDLERS, **signalling.HANDLERS, **forms.HANDLERS, **tokens.HANDLERS},
        logging_config=None,
        openapi_config=schema.config(services.version),
        plugins=[schema.Errors()],
    )


def _cors(origins: Set[str]) -> CORSConfig | None:
    """The extension reads answers by its Bearer token; cookies are never sent across."""
    if not origins:
        return None
    return CORSConfig(
        allow_origins=sorted(origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Last-Event-ID", "If-Match"],
        expose_headers=["Location", "Link", "ETag", "Retry-After"],
    )
