"""The duplex ear and voice: Moshi-family models in a process of their own, many calls at once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a bench runs where the rest of the project's packages are not
    from copilot.ports import Listener, Voice
    from copilot.providers.registry import Host


def listener(options: Mapping[str, object], host: "Host") -> "Listener":
    """An ear over the engine that `options` describe; returns once it is loaded.

    Raises ConfigError for an unknown option, a wrong value, or weights that are not there.
    """
    from copilot.providers.moshi import settings

    return settings.listener(options, host)


def voice(options: Mapping[str, object], host: "Host") -> "Voice":
    """The voice of the ear's engine; raises ConfigError where the ear is another one."""
    from copilot.providers.moshi import settings

    return settings.voice(options, host)
