"""Indexes in a process of its own, and stops where the test wants it.

``python child.py DATA KNOWLEDGE CHROMA_URL STOP``: prints each step of the work; at the first whose
text begins with STOP it waits for a line, or to be killed. With the STOP ``full`` the disk is full
as soon as the vectors are made.
"""

import resource
import sys
from pathlib import Path

from copilot.assemble import index
from copilot.config import Settings
from copilot.config.sections import Chroma, Knowledge
from copilot.errors import UserError


def main(data: str, knowledge: str, url: str, stop: str) -> int:
    settings = Settings(
        data=Path(data), knowledge=Knowledge(path=Path(knowledge)), chroma=Chroma(url=url)
    )
    stopped = False

    def told(what: str, done: int, of: int) -> None:
        nonlocal stopped
        step = f"{what} {done} of {of}"
        print(step, flush=True)
        if stop == "full" and what.startswith("indexing") and done == of:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        elif not stopped and stop and step.startswith(stop):
            stopped = True
            print("stopped", flush=True)
            sys.stdin.readline()

    try:
        print(index(settings, told))
    except UserError as error:
        print(f"{type(error).__name__}: {error}")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
