"""Finds providers by name: entry points of ``copilot.providers``, the built-in ones among them."""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple, TypeVar, cast

import msgspec

from copilot.config.sections import Mind as MindChoice
from copilot.config.sections import Persona, Privacy, Provider
from copilot.errors import ConfigError
from copilot.ports import Embedder, Listener, Mind, Reranker, Voice

GROUP = "copilot.providers"
NONE = "none"
"""Stands for no provider, of a port that can do without."""

T = TypeVar("T")


class Host(NamedTuple):
    """What a provider may use of the machine it runs in."""

    cache: Path
    """A folder for what can be made again."""
    sentences: Sequence[str] = ()
    """Sentences of the packs in use, for a recogniser's vocabulary and hot words."""
    lockstep: bool = False
    """Offline: an ear waits for its words in every tick, so that they do not depend on time."""
    models: Path = Path("models")
    """Folder with one folder a checkpoint of the duplex engine."""
    persona: Persona = Persona()
    """Who the duplex model takes itself for."""
    listener: Listener | None = None
    """The ear in use, for a voice that speaks from its engine."""
    privacy: Privacy = Privacy()
    """What may not leave."""


def listener(choice: Provider, host: Host) -> Listener:
    return cast(Listener, _create("ear", choice, host))


def voice(choice: Provider, host: Host) -> Voice:
    return cast(Voice, _create("voice", choice, host))


def embedder(choice: Provider, host: Host) -> Embedder:
    return cast(Embedder, _create("embedder", choice, host))


def reranker(choice: Provider, host: Host) -> Reranker | None:
    """None where the settings want none."""
    if choice.provider != NONE:
        return cast(Reranker, _create("reranker", choice, host, NONE))
    for key, value in choice.options.items():
        raise ConfigError(f"reranker.{key} = {value!r}: set reranker.provider too, or remove it")
    return None


def minded(choice: MindChoice) -> bool:
    """Whether the settings name a background model; a gateway without routes is none."""
    return choice.provider != NONE and (choice.provider != "gateway" or "routes" in choice.options)


def mind(choice: MindChoice, host: Host) -> Mind | None:
    """None where the settings name no background model."""
    if not minded(choice):
        return None
    return cast(Mind, _create("mind", choice, host, NONE))


def options(section: str, given: Mapping[str, object], kind: type[T]) -> T:
    """The section's options as the provider's own struct; raises ConfigError that names the key."""
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"[{section}] {error}") from None


def _create(port: str, choice: Provider, host: Host, *others: str) -> object:
    """Call the factory ``{port}.{name}`` as ``factory(options, host)``.

    `others` are what else the settings may name.
    """
    found = {point.name: point for point in entry_points(group=GROUP)}
    point = found.get(f"{port}.{choice.provider}")
    if point is None:
        mine = [name.split(".", 1)[1] for name in found if name.startswith(port + ".")]
        names = sorted([*mine, *others])
        raise ConfigError(
            f"{port}.provider = {choice.provider!r}: no such provider; there are {', '.join(names)}"
        )
    return point.load()(choice.options, host)
