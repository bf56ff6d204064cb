"""A voice behind an OpenAI-compatible speech endpoint: ``POST {url}/audio/speech``.

What is whispered, a few words of the knowledge packs, goes to that server; no sound of the call.
"""

from collections.abc import Mapping

from copilot.ports import Voice
from copilot.providers.registry import Host


def voice(options: Mapping[str, object], host: Host) -> Voice:
    """A voice with `options` of `Endpoint`; raises ConfigError for one that cannot be used."""
    from copilot.providers.openai.speech import speech

    return speech(options)
