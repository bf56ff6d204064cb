"""The sections ``[ear]`` and ``[voice]`` of this provider, and what they come to."""

from collections.abc import Mapping
from functools import partial

from msgspec import Struct

from copilot.config.sections import Provider
from copilot.core.vocabulary import TICKS_PER_SECOND
from copilot.engine.checkpoints import VOICES, Checkpoint, inspect, known
from copilot.engine.errors import EngineError
from copilot.errors import ConfigError
from copilot.ports import Listener, Voice
from copilot.providers import registry
from copilot.providers.moshi.ear import MoshiListener
from copilot.providers.moshi.engine import Engine
from copilot.providers.moshi.link import ProcessLink
from copilot.providers.moshi.personas import Personas
from copilot.providers.moshi.plan import KINDS, KV_KINDS, TINY, Plan
from copilot.providers.moshi.whispers import MoshiVoice
from copilot.providers.registry import NONE, Host
from copilot.providers.registry import options as read_options


class EarOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of ``[ear]`` with ``provider = "moshi"``."""

    preset: str = ""
    """``tiny-random``: no weights, no GPU, no sense; for tests and rehearsals."""
    lm: str = "personaplex-7b-v1"
    """The duplex model, by its name in ``copilot models list``."""
    stt: str = "stt-1b-en_fr-candle"
    """The recogniser."""
    models: str = ""
    """Folder with one folder a model; empty: ``models`` in the data folder."""
    device: str = ""
    """``cuda``, ``cuda:1``, ``cpu``; empty: the GPU where there is one."""
    calls: int = 16
    """Seats; see ``copilot models fit``."""
    whispers: int = 2
    """Calls that may be whispered to at once."""
    window: float = 0
    """Seconds that the duplex model has in mind; 0: as many as it was made for, 240."""
    weights: str = "auto"
    """``bf16``, ``int8``, ``fp32``; auto: bf16 on a GPU."""
    kv: str = "auto"
    """Of keys and values: ``bf16``, ``fp8``, ``fp32``; auto: as the weights."""
    reserve: bool = True
    """A second worker with the weights in memory, so that calls go on at once when one ends."""
    fallback: str = NONE
    """The ear that listens while there is no worker: ``embedded``, or ``none``."""

    def __post_init__(self) -> None:
        for name, value, least in (("calls", self.calls, 1), ("whispers", self.whispers, 1)):
            if value < least:
                raise ValueError(f"{name} = {value}: expected {least} or more")
        if self.preset not in ("", TINY):
            raise ValueError(f"preset = {self.preset!r}: there is {TINY}")
        if self.window and self.window < 10:
            raise ValueError(f"window = {self.window:g}: expected 10 seconds or more, or 0")
        for name, kind, kinds in (("weights", self.weights, KINDS), ("kv", self.kv, KV_KINDS)):
            if kind not in kinds:
                raise ValueError(f"{name} = {kind!r}: there are {', '.join(kinds)}")
        if self.fallback == "moshi":
            raise ValueError("fallback = 'moshi': name another ear, or none")


def listener(options: Mapping[str, object], host: Host) -> Listener:
    """The ear of `options`, its engine loaded; raises ConfigError for what cannot be used."""
    chosen = read_options("ear", options, EarOptions)
    plan = plan_of(chosen, host)
    if not plan.tiny:
        check_files(plan)
    personas = Personas(host.persona, plan.folder(plan.lm) / "voices")
    stand_in = _stand_in(chosen, host)
    engine = Engine(plan, partial(ProcessLink, plan), chosen.reserve)
    engine.start(personas.roles)
    return MoshiListener(engine, personas, stand_in, host.lockstep)


def plan_of(chosen: EarOptions, host: Host) -> Plan:
    return Plan(
        chosen.preset,
        chosen.models or str(host.models),
        chosen.lm,
        chosen.stt,
        chosen.device,
        chosen.calls,
        chosen.whispers,
        round(chosen.window * TICKS_PER_SECOND),
        chosen.weights,
        chosen.kv,
        host.lockstep,
    )


def check_files(plan: Plan) -> None:
    """Raises ConfigError that says of each model what is missing and how to get it."""
    lines = []
    for name in (plan.lm, plan.stt):
        try:
            checkpoint = known(name)
        except EngineError as error:
            raise ConfigError(f"[ear] {error}") from None
        faults = [
            f"{state.file.name} ({state.fault})"
            for state in inspect(checkpoint, plan.folder(name))
            if state.fault and state.file.kind != VOICES
        ]
        if faults:
            lines.append(f"{name}: {', '.join(faults)}\n{how(checkpoint, plan)}")
    if lines:
        told = "\n".join(lines)
        raise ConfigError(
            f"ear.provider = 'moshi': weights are missing in {plan.models}\n{told}\n"
            f'or rehearse without any: ear.preset = "{TINY}"'
        )


def how(checkpoint: Checkpoint, plan: Plan) -> str:
    """The command that brings a model, and the page of its licence."""
    first = f"accept the {checkpoint.licence} on {checkpoint.page}, set HF_TOKEN, and"
    free = f"({checkpoint.licence}, {checkpoint.page})"
    command = f"run copilot models fetch {checkpoint.name} --models {plan.models}"
    return f"  {first} {command}" if checkpoint.gated else f"  {command} {free}"


def _stand_in(chosen: EarOptions, host: Host) -> Listener | None:
    if chosen.fallback == NONE:
        return None
    return registry.listener(Provider(provider=chosen.fallback), host)


class VoiceOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of ``[voice]`` with ``provider = "moshi"``."""

    fallback: str = "espeak"
    """The voice that speaks where the engine has no fork to spare: ``espeak``, or ``none``."""

    def __post_init__(self) -> None:
        if self.fallback == "moshi":
            raise ValueError("fallback = 'moshi': name another voice, or none")


def voice(options: Mapping[str, object], host: Host) -> Voice:
    """The voice of the ear's engine; raises ConfigError as the package's `voice` says."""
    chosen = read_options("voice", options, VoiceOptions)
    if not isinstance(host.listener, MoshiListener):
        raise ConfigError(
            "voice.provider = 'moshi': it speaks from the ear's engine; set ear.provider = "
            "'moshi' too, or choose another voice"
        )
    other = None
    if chosen.fallback != NONE:
        other = registry.voice(Provider(provider=chosen.fallback), host)
    return MoshiVoice(host.listener, other)
