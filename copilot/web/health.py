"""Says whether the process lives and whether it can take calls."""

import asyncio

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from copilot.accounts.caller import Caller
from copilot.accounts.roles import Scope
from copilot.errors import UserError
from copilot.store.log import Store
from copilot.web.access import ANYBODY
from copilot.web.services import Check, Given

_CHECK_SECONDS = 2.0
"""How long a component may take to answer before it counts as not ready."""
_RETRY_SECONDS = "5"


@get("/health", media_type="text/plain", guards=[ANYBODY], include_in_schema=False)
async def health() -> str:
    """Liveness: the event loop answers."""
    return "ok\n"


@get("/ready", guards=[ANYBODY], include_in_schema=False)
async def ready(
    services: Given, caller: NamedDependency[SkipValidation[Caller | None]]
) -> Response[dict[str, object]]:
    """Readiness: 200 when every component can serve a call, 503 otherwise.

    The states of the components are for those who may read the settings.
    """
    names = ["store", *services.checks]
    asked = await asyncio.gather(*(_ask(check) for check in services.checks.values()))
    faults = [_store(services.store), *asked]
    states = {name: fault or "ready" for name, fault in zip(names, faults, strict=True)}
    is_ready = not any(faults)
    board = services.switchboard
    body: dict[str, object] = {"ready": is_ready}
    if caller is not None and caller.may(Scope.SETTINGS_READ):
        body |= {
            "version": services.version,
            "components": states,
            "calls": {"live": board.live, "capacity": board.capacity},
            "gauges": {name: gauge(caller.team_id) for name, gauge in services.gauges.items()},
        }
    headers = {"Cache-Control": "no-store"}
    if not is_ready:
        headers["Retry-After"] = _RETRY_SECONDS
    status = HTTP_200_OK if is_ready else HTTP_503_SERVICE_UNAVAILABLE
    return Response(body, status_code=status, headers=headers)


def _store(store: Store) -> str:
    if store.healthy:
        return ""
    return store.fault or f"writes are {store.lag:.1f} s behind"


async def _ask(check: Check) -> str:
    try:
        return await asyncio.wait_for(check(), _CHECK_SECONDS)
    except TimeoutError:
        return f"no answer within {_CHECK_SECONDS:g} s"
    except UserError as error:
        return str(error)
