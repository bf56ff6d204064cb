"""The gateway to background models; imported only where ``[mind]`` names routes."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from copilot.ports import Mind
from copilot.providers.gateway.settings import read
from copilot.providers.redact import Redactor
from copilot.providers.registry import Host


def mind(options: Mapping[str, object], host: Host) -> Mind:
    """A gateway over the routes; raises ConfigError naming the route and the key. Blocking."""
    from copilot.providers.gateway.gateway import Gateway
    from copilot.providers.gateway.models import warm_up

    made = Gateway(read(options), Redactor(host.privacy.egress))
    with ThreadPoolExecutor(1) as pool:  # the caller may be a loop of its own
        pool.submit(lambda: asyncio.run(warm_up())).result()
    return made
