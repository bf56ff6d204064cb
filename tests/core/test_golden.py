"""Golden logs: what the core decided once it decides again, bit for bit."""

from pathlib import Path

import pytest

from copilot.core.call import replay
from copilot.core.events import kind
from copilot.evaluate.logs import difference, read

CALLS = Path(__file__).parents[1] / "calls"
LOGS = sorted(CALLS.glob("*.jsonl"))


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.stem)
def test_a_golden_log_replays_bit_for_bit(path: Path) -> None:
    found = replay(read(path))
    assert found is None, f"{difference(found)}\nif this is meant: python tests/calls/accept.py"


def test_the_golden_logs_hold_every_kind_of_event() -> None:
    seen = {kind(entry.event) for path in LOGS for entry in read(path)}
    assert seen >= {
        "call_started",
        "heard",
        "evidence_found",
        "draft_ready",
        "failed",
        "whisper_played",
        "card_touched",
        "call_ended",
        "search",
        "compose",
        "show_card",
        "speak",
        "stop_speaking",
        "withheld",
        "withdraw_card",
        "echo_heard",
        "ear_changed",
    }
