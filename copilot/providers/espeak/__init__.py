"""The eSpeak NG voice: no download, no GPU, and a process of its own, because it is GPL-3."""

from collections.abc import Mapping

from copilot.ports import Voice
from copilot.providers.registry import Host


def voice(options: Mapping[str, object], host: Host) -> Voice:
    """A voice with `options` of `Manner`; its process starts with the first line.

    Raises ConfigError for an unknown option, or where espeakng-loader is not installed.
    """
    from copilot.providers.espeak.process import espeak

    return espeak(options)
