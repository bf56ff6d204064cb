"""Whole calls on an accelerator: how many it has time for, and how quick a whisper begins and ends.

``copilot bench calls``, or ``python3 -m copilot.providers.moshi.measure`` where there are just
msgspec, torch, numpy, safetensors and sentencepiece. Every call has its two recogniser slots, its
slot of the duplex model at full window, and both parties through the codec; ticks come every 80 ms
as in a call.

It needs nothing of the serving process, so what pipes and other processes cost is not in it.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from copilot.engine.bench.measure import fill, machine
from copilot.engine.errors import EngineError
from copilot.engine.slots import Slots
from copilot.providers.moshi.calls import Calls, Sound
from copilot.providers.moshi.models import Models, make
from copilot.providers.moshi.plan import TINY, Plan

TICK_S = 0.08
WHISPERS = 2
COUNTS = {"cuda": (1, 8, 16, 24, 32, 48, 64, 96, 128), "cpu": (1, 2, 4, 8)}
LINE = "in the app until the evening before"
EVERY = 40
"""Ticks from one whisper to the next; it is stopped half way."""

Say = Callable[[str], None]


def run(
    plan: Plan,
    counts: Sequence[int] = (),
    seconds: float = 10.0,
    say: Say = print,
    out: Path | None = None,
) -> dict[str, Any]:
    """Measure each number of calls for so long, until a tick takes longer than there is.

    `out` is written after every point. Raises EngineError where the models cannot be made.
    """
    torch.set_num_threads(1)
    models = make(plan)
    figures: dict[str, Any] = {
        "bench": "calls",
        "machine": machine(models.device),
        "lm": TINY if plan.tiny else plan.lm,
        "stt": TINY if plan.tiny else plan.stt,
        "weights": str(models.lm.dtype).removeprefix("torch."),
        "int8": plan.weights == "int8",
        "kv": str(models.kv).removeprefix("torch."),
        "window": models.window,
        "points": [],
    }
    for count in counts or COUNTS[models.device.type]:
        try:
            point = _point(models, count, seconds)
        except (EngineError, torch.OutOfMemoryError) as error:
            point = {"calls": count, "left_out": str(error).splitlines()[0]}
        gc.collect()
        figures["points"].append(point)
        say("  ".join(f"{key} {value}" for key, value in point.items()))
        if out is not None:
            out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
        if "left_out" in point or point["tick_p99_ms"] > 1000 * TICK_S:
            break
    within = [one["calls"] for one in figures["points"] if one.get("tick_p99_ms", 1e9) < 80]
    figures["calls_within_80_ms"] = max(within, default=0)
    if out is not None:
        out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


def _point(models: Models, count: int, seconds: float) -> dict[str, Any]:
    calls = Calls(models, count, WHISPERS)
    for seat in range(count):
        calls.open(seat)
    for slots in (calls.chair.slots, calls.recogniser_slots):
        _stand_at_the_end(slots)
    took: list[float] = []
    begun, ended = [], []
    asked = stopped = None
    dice = np.random.default_rng(0)
    since = time.perf_counter()
    for tick, sounds in enumerate(_sounds(count)):
        due = since + tick * TICK_S
        if tick * TICK_S > seconds and tick > EVERY:
            break
        phase = tick % EVERY
        if phase in (5, 5 + EVERY // 2):  # at any moment of the tick before
            time.sleep(max(0.0, due - dice.random() * TICK_S - time.perf_counter()))
            if phase == 5:
                asked = time.perf_counter()
                calls.speak(0, LINE)
            elif calls.chair.whispering(0):
                stopped = time.perf_counter()
                calls.stop(0)
        time.sleep(max(0.0, due - time.perf_counter()))
        start = time.perf_counter()
        told = calls.tick(sounds)[0]
        now = time.perf_counter()
        took.append(now - start)
        if told.spoken is not None and asked is not None:
            begun.append(now - asked)
            asked = None
        if stopped is not None and not told.whispering:
            ended.append((now if told.spoken is not None else start) - stopped)
            stopped = None
    return {
        "calls": count,
        **_milliseconds("tick", took[3:]),
        "late_ticks": sum(one > TICK_S for one in took[3:]),
        "ticks": len(took) - 3,
        **_milliseconds("speak_to_audio", begun),
        **_milliseconds("stop_to_silence", ended),
        "memory_gb": _memory(models.device),
    }


def _sounds(count: int) -> Iterator[dict[int, Sound]]:
    """The same noise for all calls, both parties by turns; codes differ from tick to tick."""
    dice = np.random.default_rng(1)
    while True:
        loud = np.asarray(dice.normal(0, 0.1, 1920).clip(-1, 1), np.float32)
        yield dict.fromkeys(range(count), Sound(loud, loud[::-1].copy()))


def _stand_at_the_end(slots: Slots) -> None:
    """As if every slot had heard all that fits its window, so that all of it is attended to."""
    fill(slots.rows)
    slots.rows.position[: len(slots)] = slots.window
    for slot in slots._slots.values():  # as nobody but a bench may do
        slot.position = slots.window


def _milliseconds(name: str, seconds: Sequence[float]) -> dict[str, float]:
    if not seconds:
        return {}
    return {
        f"{name}_p50_ms": round(1000 * float(np.percentile(seconds, 50)), 2),
        f"{name}_p99_ms": round(1000 * float(np.percentile(seconds, 99)), 2),
    }


def _memory(device: torch.device) -> float | None:
    """Taken on a GPU by all there is."""
    if device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(device)
    return round((total - free) / 1e9, 1)


def plan_for(
    *, tiny: bool, window: float, weights: str, kv: str, lm: str, stt: str, device: str
) -> Plan:
    """Random weights at real size, or the tiny preset; `window` in seconds, 0 for the model's."""
    columns = round(window * 12.5)
    preset = TINY if tiny else ""
    return Plan(
        preset,
        lm=lm,
        stt=stt,
        device=device,
        window=columns,
        weights=weights,
        kv=kv,
        random=not tiny,
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m copilot.providers.moshi.measure", description=__doc__
    )
    gpu = torch.cuda.is_available()
    parser.add_argument("--tiny", action="store_true", default=not gpu, help="the tiny preset")
    parser.add_argument("--calls", default="", help="numbers of calls, with commas")
    parser.add_argument("--window", type=float, default=0, help="seconds; the model's own")
    parser.add_argument("--weights", default="auto")
    parser.add_argument("--kv", default="auto")
    parser.add_argument("--lm", default="personaplex-7b-v1")
    parser.add_argument("--stt", default="stt-1b-en_fr-candle")
    parser.add_argument("--device", default="")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each point")
    parser.add_argument("--out", type=Path, help="JSON file")
    given = vars(parser.parse_args())
    counts = tuple(int(one) for one in given.pop("calls").split(",") if one)
    seconds, out = given.pop("seconds"), given.pop("out")
    try:
        run(plan_for(**given), counts, seconds, out=out)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
