"""The gateway to background models; imported only where ``[mind]`` names routes."""

from collections.abc import Mapping

from copilot.ports import Mind
from copilot.providers.gateway.settings import read
from copilot.providers.redact import Redactor
from copilot.providers.registry import Host


def mind(options: Mapping[str, object], host: Host) -> Mind:
    """A gateway over the routes; raises ConfigError naming the route and the key."""
    from copilot.providers.gateway.gateway import Gateway

    return Gateway(read(options), Redactor(host.privacy.egress))
