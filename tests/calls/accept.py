"""Runs the inputs of every golden log again and keeps what comes out: for a meant change."""

from pathlib import Path

from copilot.core.call import run
from copilot.core.events import Input
from copilot.evaluate.logs import read, write

for path in sorted(Path(__file__).parent.glob("*.jsonl")):
    log = read(path)
    again = list(run(entry.event for entry in log if isinstance(entry.event, Input)))
    path.write_bytes(write(again))
    print(f"{path.name}: {len(log)} -> {len(again)} entries")
