"""``copilot bench``: measure speed."""

import sys
from pathlib import Path

import click

from copilot.cli.common import JSON, Bars, console, report, write_json
from copilot.cli.timing import timing
from copilot.errors import UserError

SECONDS = click.FloatRange(1, 3600)
SOME = click.IntRange(1)


@click.group()
def bench() -> None:
    """Measure speed; every figure with its machine, versions and ratios."""


bench.add_command(timing)


@bench.command("core")
@click.option(
    "--minutes",
    type=click.FloatRange(0, 10_000, min_open=True),
    default=60.0,
    show_default=True,
    help="Length of the synthetic call.",
)
@JSON
def bench_core(minutes: float, json_path: Path | None) -> None:
    """Time of one step of the core."""
    from copilot.bench import core

    report(core.run(minutes), core.table, json_path)


@bench.command("sidecar")
@click.option("--calls", type=SOME, default=80, show_default=True, help="Calls at once.")
@click.option(
    "--seconds", type=SECONDS, default=8.0, show_default=True, help="Length of each measurement."
)
@JSON
def bench_sidecar(calls: int, seconds: float, json_path: Path | None) -> None:
    """Calls per core, sound lost and delay added, beside aiortc's own receive path."""
    from copilot.bench import sidecar

    report(sidecar.run(seconds=seconds, calls=calls), sidecar.table, json_path)


@bench.command("extension")
@click.option(
    "--minutes", type=click.FloatRange(0.1, 60), default=10.0, show_default=True, help="In a call."
)
@click.option(
    "--extension",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("extension"),
    show_default=True,
    help="Folder of the unpacked extension.",
)
@JSON
def bench_extension(minutes: float, folder: Path, json_path: Path | None) -> None:
    """The browser extension in a real call: click to words, whispers, frames, CPU and memory.

    Needs Chromium and playwright, which the development packages bring."""
    try:
        from copilot.bench import extension
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed: pip install playwright") from None

    report(extension.run(minutes, folder.resolve()), extension.table, json_path)


@bench.command("glass")
@click.option(
    "--seconds", type=SECONDS, default=20.0, show_default=True, help="Length of each measurement."
)
@JSON
def bench_glass(seconds: float, json_path: Path | None) -> None:
    """Mouth to micro-turn, Speak to loudspeaker in a real Chromium, calm and on a bad network."""
    from copilot.bench import glass

    report(glass.run(seconds), glass.table, json_path)


@bench.command("ear")
@click.option("--calls", type=SOME, default=2, show_default=True, help="Calls at once, at most.")
@click.option(
    "--seconds", type=SECONDS, default=15.0, show_default=True, help="Length of each measurement."
)
@JSON
def bench_ear(calls: int, seconds: float, json_path: Path | None) -> None:
    """Cost of the embedded ear per call, late ticks, word errors where transcripts are at hand."""
    from copilot.bench import ear

    report(ear.run(seconds=seconds, calls=calls), ear.table, json_path)


@bench.command("search")
@click.option(
    "--passages", type=SOME, default=10_000, show_default=True, help="Size of the larger base."
)
@click.option("--queries", type=SOME, default=200, show_default=True, help="Queries per base.")
@JSON
def bench_search(passages: int, queries: int, json_path: Path | None) -> None:
    """Time of a search and of its parts."""
    from copilot.bench import search

    report(search.run(passages=passages, queries=queries), search.table, json_path)


@bench.command("index")
@click.option("--passages", type=SOME, default=10_000, show_default=True, help="Size of the pack.")
@JSON
def bench_index(passages: int, json_path: Path | None) -> None:
    """Time to index a pack: new, unchanged, and with one passage in a hundred changed."""
    from copilot.bench import indexing

    with Bars() as progress:
        result = indexing.run(passages=passages, progress=progress)
    report(result, indexing.table, json_path)


@bench.command("whatif")
@click.argument(
    "logs",
    nargs=-1,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="[LOG.jsonl]...",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, 10_000, min_open=True),
    default=60.0,
    show_default=True,
    help="Length of the synthetic call.",
)
@JSON
def bench_whatif(logs: tuple[Path, ...], minutes: float, json_path: Path | None) -> None:
    """Times real time of a what-if, over logs and a synthetic call."""
    from copilot.bench import whatif

    report(whatif.run(logs, minutes), whatif.table, json_path)


@bench.command("gateway")
@click.option("--requests", type=SOME, default=300, show_default=True, help="Requests each way.")
@JSON
def bench_gateway(requests: int, json_path: Path | None) -> None:
    """Time to a background model's first token with hedged requests and without, on loopback."""
    from copilot.bench import gateway

    report(gateway.run(requests), gateway.table, json_path)


@bench.command("console")
@click.option("--calls", type=SOME, default=10_000, show_default=True, help="Past calls.")
@click.option("--transcripts", type=SOME, default=1000, show_default=True, help="With words.")
@JSON
def bench_console(calls: int, transcripts: int, json_path: Path | None) -> None:
    """Time of the console's pages at the server: lists of calls, search of what was said."""
    from copilot.bench import console as pages

    report(pages.run(calls, transcripts), pages.table, json_path)


@bench.command("calls")
@click.option("--calls", help="Numbers of calls to try, with commas.")
@click.option("--window", type=click.FloatRange(10, 240), help="Seconds; by default 240.")
@click.option("--weights", default="auto", show_default=True, help="bf16, int8 or fp32.")
@click.option("--kv", default="auto", show_default=True, help="Keys and values: bf16, fp8, fp32.")
@click.option("--lm", default="personaplex-7b-v1", show_default=True, help="Duplex model.")
@click.option("--stt", default="stt-1b-en_fr-candle", show_default=True, help="Recogniser.")
@click.option("--device", default="", help="cuda or cpu; the GPU where there is one.")
@click.option("--tiny", is_flag=True, help="The tiny preset: what a machine without a GPU can do.")
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=10.0,
    show_default=True,
    help="Of each number of calls.",
)
@JSON
def bench_calls(
    calls: str | None,
    window: float | None,
    weights: str,
    kv: str,
    lm: str,
    stt: str,
    device: str,
    tiny: bool,
    seconds: float,
    json_path: Path | None,
) -> None:
    """Calls that the duplex engine has time for at 80 ms a tick, each with two recogniser slots,
    one of the duplex model at full window, and the codec; time from Speak to the first sound, and
    from barge-in to silence. Random weights of the real size, unless --tiny."""
    from copilot.providers.moshi import measure

    figures = measure.run(
        measure.plan_for(
            tiny=tiny, window=window or 0, weights=weights, kv=kv, lm=lm, stt=stt, device=device
        ),
        _numbers(calls),
        seconds,
        say=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
    )
    if json_path is not None:
        write_json(json_path, figures)


@bench.command("engine")
@click.option("--preset", help="Model: personaplex-7b-v1 on a GPU, small on a CPU.")
@click.option("--stt", help="Recogniser: stt-1b-en_fr-candle on a GPU, tiny-stt on a CPU.")
@click.option("--sections", help="Some of check,float,stt,codec,reference,fp8,int8,prompts.")
@click.option(
    "--seconds",
    type=click.FloatRange(1),
    default=540.0,
    show_default=True,
    help="After which no measurement is begun.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for engine.json and engine.svg, written after each measurement.",
)
@click.option(
    "--moshi",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder that holds the reference, moshi 0.2.13, where it is not installed.",
)
@JSON
def bench_engine(
    preset: str | None,
    stt: str | None,
    sections: str | None,
    seconds: float,
    out: Path | None,
    moshi: Path | None,
    json_path: Path | None,
) -> None:
    """Whether the duplex models are right here, and the time of a tick over batch sizes, beside
    the floor of memory and the reference. The exit code is 1 where a check does not fit.

    Where only torch is installed: python3 -m copilot.engine.bench."""
    from copilot.engine.bench import run

    figures = run.run(
        preset=preset,
        stt=stt,
        sections=tuple(sections.split(",")) if sections else run.SECTIONS,
        seconds=seconds,
        out=out,
        moshi=moshi,
        say=lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True),
    )
    if json_path is not None:
        write_json(json_path, figures)
    if run.wrong(figures):
        sys.exit(1)


def _numbers(given: str | None) -> tuple[int, ...]:
    """Whole numbers of 1 or more, between commas; raises UserError for anything else."""
    parts = [part.strip() for part in (given or "").split(",") if part.strip()]
    if not all(part.isdecimal() and int(part) for part in parts):
        raise UserError(f"--calls {given}: expected numbers of calls with commas, as 1,8,32")
    return tuple(map(int, parts))
