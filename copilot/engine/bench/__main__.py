"""``python3 -m copilot.engine.bench``."""

import argparse
import sys
from pathlib import Path

from copilot.engine.bench.run import SECTIONS, run, wrong
from copilot.engine.errors import EngineError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m copilot.engine.bench", description=__doc__)
    parser.add_argument("--out", type=Path, help="folder for engine.json and engine.svg")
    parser.add_argument("--preset", help="model; personaplex-7b-v1 on a GPU, small on a CPU")
    parser.add_argument("--stt", help="recogniser; stt-1b-en_fr-candle, or tiny-stt")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=540.0, help="default: %(default)s")
    parser.add_argument("--moshi", type=Path, help="folder that holds the reference, moshi 0.2.13")
    parser.add_argument("--device", help="cuda or cpu; the GPU where there is one")
    given = vars(parser.parse_args())
    given["sections"] = tuple(filter(None, given["sections"].split(",")))
    try:
        figures = run(**given)
    except EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    count = wrong(figures)
    if count:
        print(f"{count} of the checks do not fit", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
