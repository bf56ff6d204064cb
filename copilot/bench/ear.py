"""What the embedded ear costs, how late it is, and how many words it gets wrong."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time

import msgspec
import numpy as np
import psutil
import soxr
from msgspec import Struct
from rich.console import Group
from rich.table import Table

from copilot.audio import wav
from copilot.audio.frames import MicroTurn, Pcm
from copilot.bench import wire
from copilot.config.sections import Provider
from copilot.core.events import CallStarted
from copilot.core.policy import Policy
from copilot.core.vocabulary import TICK_MS, Party
from copilot.errors import ConfigError
from copilot.evaluate.metrics import percentile, word_errors
from copilot.machine import machine
from copilot.providers import registry
from copilot.providers.embedded.ear import EmbeddedEar, EmbeddedListener, Options
from copilot.providers.embedded.listening import TICK_SAMPLES
from copilot.providers.embedded.speech import RATE, WINDOW, Channel, Silero
from copilot.providers.registry import Host

TARGET_MS = 60
"""The design's budget for the 95th percentile of `Ear.hear`."""
_BATCHES = (1, 2, 8, 40)
_RUNS = 60
_SPEECH = 50
"""Percent from which a tick counts as speech."""
_LINES = (
    "Can I change the delivery address of my parcel?",
    "You can change the address once, free, until midnight before delivery.",
    "How long do you keep my parcel at the parcel shop?",
    "A parcel shop keeps it ten days, then it returns to the sender.",
)
"""What the parties say in turn, which is also all that the packs hold."""
RECORDINGS = Path("../shared/data/call_audio")
"""Recordings with a ``manifest.json`` that names file, transcript and its kind."""

_CALL = CallStarted("bench", Policy())


class Load(Struct, frozen=True):
    """Calls heard at once, in real time."""

    calls: int
    hear_ms: dict[str, float]
    """Percentiles of the time that `Ear.hear` takes."""
    late_per_1000: float
    """Ticks answered after the next one was due, of a thousand."""
    own_core_percent: float
    """Share of one core that this process takes for each call: Silero, cutting, passing on."""
    recogniser_core_percent: float
    """Share of one core that the call's recogniser takes, its start aside."""
    calls_per_core: float
    """Calls that one core would hear, media not counted; extrapolated."""
    real_time_factor: float
    """Recogniser seconds for a second of speech."""
    behind_s: float
    """Most seconds of sound that waited for a recogniser at the end."""
    words: int
    """Words recognised, all calls together."""
    dropped: int
    """Utterances that were not recognised."""


class Batch(Struct, frozen=True):
    """Silero on several channels at once."""

    channels: int
    core_percent: float
    """Share of one core for each channel."""


class Accuracy(Struct, frozen=True):
    """Words wrong on recordings of people reading."""

    clips: int
    words: int
    word_error_percent: float
    packs: bool
    """Whether the sample packs' sentences shaped the language."""


class Report(Struct, frozen=True):
    """Everything that was measured."""

    bench: str
    machine: dict[str, object]
    seconds: float
    voice: str
    """What the calls sounded like: ``espeak``, or ``syllables`` where there is no voice."""
    loads: list[Load]
    silero: list[Batch]
    accuracy: list[Accuracy]
    skipped: str
    """Why there is no accuracy; empty where there is."""
    target_p95_ms: float


def run(
    seconds: float = 15,
    calls: int = 2,
    cache: Path = Path("var/cache"),
    recordings: Path = RECORDINGS,
) -> dict[str, object]:
    """Hear 1 to `calls` calls for `seconds` in real time, then Silero alone, then `recordings`."""
    before = machine()
    sound, voice = asyncio.run(_sound(seconds, cache))
    loads = [asyncio.run(_load(count, sound, cache)) for count in range(1, calls + 1)]
    accuracy, skipped = asyncio.run(_accuracy(recordings))
    report = Report(
        bench="ear",
        machine=before,
        seconds=seconds,
        voice=voice,
        loads=loads,
        silero=[_silero(count) for count in _BATCHES],
        accuracy=accuracy,
        skipped=skipped,
        target_p95_ms=TARGET_MS,
    )
    found: dict[str, object] = msgspec.to_builtins(report)
    return found


def table(result: dict[str, object]) -> Group:
    """The figures for a terminal."""
    report = msgspec.convert(result, Report)
    target = f"target p95 {report.target_p95_ms:g}"
    loads = Table(
        "calls", "hear ms\np50/p95/p99", target, "late\n‰", "core %\near", "core %\nwords",
        "calls\n/ core", "behind\ns", title=f"ear on {report.voice}, core % per call",
    )  # fmt: skip
    for load in report.loads:
        times = "/".join(f"{load.hear_ms[name]:.1f}" for name in ("p50", "p95", "p99"))
        met = "met" if load.hear_ms["p95"] <= report.target_p95_ms else "missed"
        shares = f"{load.own_core_percent:g}", f"{load.recogniser_core_percent:g}"
        rest = f"~{load.calls_per_core:g}", f"{load.behind_s:g}"
        loads.add_row(str(load.calls), times, met, f"{load.late_per_1000:g}", *shares, *rest)
    silero = Table("channels in a batch", "core % a channel", title="Silero")
    for batch in report.silero:
        silero.add_row(str(batch.channels), f"{batch.core_percent:g}")
    accuracy = Table("clips", "words", "wrong %", "packs", title="people reading")
    for one in report.accuracy:
        packs = "sample lines" if one.packs else "none"
        accuracy.add_row(str(one.clips), str(one.words), f"{one.word_error_percent:g}", packs)
    return Group(loads, silero, report.skipped or accuracy)


async def _sound(seconds: float, cache: Path) -> tuple[list[MicroTurn], str]:
    """A call of `seconds` in which the parties speak in turn, and whose voice it is."""
    try:
        lines = await _said(cache)
        voice = "espeak"
    except ConfigError:
        lines = [_resampled(wire.speech(4, seed), wire.RATE) for seed in range(len(_LINES))]
        voice = "syllables"
    samples = round(seconds * RATE)
    tracks = {party: np.zeros(samples, np.float32) for party in Party}
    at, turn = RATE // 2, 0
    while at < samples:
        line = lines[turn % len(lines)][: samples - at]
        tracks[Party.CUSTOMER if turn % 2 == 0 else Party.AGENT][at : at + len(line)] = line
        at, turn = at + len(line) + RATE // 2, turn + 1
    return _turns(tracks[Party.AGENT], tracks[Party.CUSTOMER]), voice


async def _said(cache: Path) -> list[Pcm]:
    voice = registry.voice(Provider.model_validate({"provider": "espeak"}), Host(cache))
    try:
        return [
            _resampled(np.concatenate([chunk async for chunk in voice.say(line)]), voice.rate)
            for line in _LINES
        ]
    finally:
        await voice.close()


async def _load(calls: int, sound: Sequence[MicroTurn], cache: Path) -> Load:
    listener = EmbeddedListener(Options(), Host(cache, _LINES))
    ears = [await listener.open(_CALL) for _ in range(calls)]
    for ear in ears:
        await ear.recognition.settle()  # their start is not what is measured
    own, others = process_time(), _workers_time(ears)
    since = perf_counter()
    heard = await asyncio.gather(
        *(_live(ear, sound, TICK_MS / 1000 * n / calls) for n, ear in enumerate(ears))
    )
    wall = perf_counter() - since
    own, others = process_time() - own, _workers_time(ears) - others
    behind, dropped = max(e.recognition.lag for e in ears), sum(e.recognition.dropped for e in ears)
    for ear in ears:
        await ear.close()
    await listener.close()
    times = [time for one in heard for time in one.times]
    spoken = sum(one.speech_ticks for one in heard) * TICK_MS / 1000
    return Load(
        calls=calls,
        hear_ms={f"p{p}": round(percentile(times, p) * 1000, 2) for p in (50, 95, 99)},
        late_per_1000=round(1000 * sum(one.late for one in heard) / len(times), 2),
        own_core_percent=round(100 * own / wall / calls, 2),
        recogniser_core_percent=round(100 * others / wall / calls, 1),
        calls_per_core=round(wall * calls / (own + others), 1),
        real_time_factor=round(others / spoken, 3) if spoken else 0.0,
        behind_s=round(behind, 2),
        words=sum(one.words for one in heard),
        dropped=dropped,
    )


class _Heard(Struct):
    times: list[float] = []
    late: int = 0
    speech_ticks: int = 0
    words: int = 0


async def _live(ear: EmbeddedEar, sound: Sequence[MicroTurn], delay: float) -> _Heard:
    """Play the call on the wall clock, each call at its own place inside the tick."""
    heard = _Heard()
    start = perf_counter() + delay
    for turn in sound:
        due = start + turn.tick * TICK_MS / 1000
        await asyncio.sleep(max(0.0, due - perf_counter()))
        since = perf_counter()
        one = await ear.hear(turn)
        done = perf_counter()
        heard.times.append(done - since)
        heard.late += done > due + TICK_MS / 1000
        for party in (one.agent, one.customer):
            heard.speech_ticks += party.speech >= _SPEECH
            heard.words += len(party.words)
    return heard


def _workers_time(ears: Sequence[EmbeddedEar]) -> float:
    """Processor seconds of the ears' recognisers until now."""
    times = [psutil.Process(ear.recognition.pid).cpu_times() for ear in ears]
    return float(sum(time.user + time.system for time in times))


def _silero(channels: int) -> Batch:
    model, sound = Silero(), np.zeros(WINDOW, np.float32)
    parties = [Channel() for _ in range(channels)]
    model.hear(parties, [sound] * channels)
    since = process_time()
    for _ in range(_RUNS):
        model.hear(parties, [sound] * channels)
    share = (process_time() - since) / (_RUNS * WINDOW / RATE) / channels
    return Batch(channels, round(100 * share, 3))


class _Clip(Struct, frozen=True):
    """An entry of the recordings' manifest; what else it says is not needed."""

    file: str
    text: str = ""
    """What is said, where a person wrote it down."""


async def _accuracy(recordings: Path) -> tuple[list[Accuracy], str]:
    manifest = recordings / "manifest.json"
    if not manifest.exists():
        return [], f"word errors not measured: no {manifest}"
    every = msgspec.json.decode(manifest.read_bytes(), type=list[_Clip])
    clips = [clip for clip in every if clip.text and clip.file.startswith("read_")]
    if not clips:
        return [], f"word errors not measured: {manifest} names no read sentences with their text"
    with tempfile.TemporaryDirectory() as cache:
        hosts = [Host(Path(cache)), Host(Path(cache), _LINES)]
        return [await _errors(recordings, clips, host) for host in hosts], ""


async def _errors(recordings: Path, clips: Sequence[_Clip], host: Host) -> Accuracy:
    """Each clip as a call of its own, heard in lockstep."""
    listener = EmbeddedListener(Options(), host._replace(lockstep=True))
    words = wrong = 0
    for clip in clips:
        recording = wav.read(recordings / clip.file)
        sound = np.pad(_resampled(recording.channels[0], recording.rate), (RATE // 2, RATE))
        ear = await listener.open(_CALL)
        heard = [await ear.hear(turn) for turn in _turns(np.zeros_like(sound), sound)]
        await ear.close()
        text = " ".join(word.text for one in heard for word in one.customer.words)
        found = word_errors(clip.text, text)
        words += found.words
        wrong += found.substituted + found.deleted + found.inserted
    await listener.close()
    return Accuracy(len(clips), words, round(100 * wrong / words, 1), bool(host.sentences))


def _turns(agent: Pcm, customer: Pcm) -> list[MicroTurn]:
    """Whole ticks of both; what is left over is dropped."""
    spans = [slice(at, at + TICK_SAMPLES) for at in range(0, len(agent), TICK_SAMPLES)]
    return [
        MicroTurn(tick, agent[span], customer[span])
        for tick, span in enumerate(spans)
        if span.stop <= len(agent)
    ]


def _resampled(sound: Pcm, rate: int) -> Pcm:
    return np.asarray(soxr.resample(sound, rate, RATE), np.float32)
