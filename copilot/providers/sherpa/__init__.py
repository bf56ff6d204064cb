"""The sherpa-onnx ear: a streaming zipformer transducer from a folder, for real calls on a CPU."""

from collections.abc import Mapping

from copilot.ports import Listener
from copilot.providers.registry import Host


def listener(options: Mapping[str, object], host: Host) -> Listener:
    """An ear with the model in the folder ``model``, words of `host.sentences` favoured.

    Raises ConfigError that names the missing or unusable files and how to get a model.
    """
    from copilot.providers.sherpa.ear import sherpa

    return sherpa(options, host)
