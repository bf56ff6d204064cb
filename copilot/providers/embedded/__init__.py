"""The embedded ear: Silero VAD and PocketSphinx on the CPU, with nothing to download."""

from collections.abc import Mapping

from copilot.ports import Listener
from copilot.providers.registry import Host


def listener(options: Mapping[str, object], host: Host) -> Listener:
    """An ear fitted to `host.sentences`; the first start with new sentences takes some seconds.

    Raises ConfigError for an unknown option or a wrong value.
    """
    from copilot.providers.embedded.ear import embedded

    return embedded(options, host)
