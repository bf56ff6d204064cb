"""The sidecar's figures: whole, plain JSON, and telling a good path from a bad one."""

import json

import msgspec
from rich.console import Console

from copilot.bench import live, sidecar
from copilot.bench.sidecar import Report
from copilot.bench.trace import NETWORKS, networks
from copilot.machine import machine, versions


def test_a_run_on_real_calls_is_plain_json_with_a_table() -> None:
    result = sidecar.run(seconds=0.8, calls=1, trace_seconds=4)
    assert json.loads(json.dumps(result)) == result
    report = msgspec.convert(result, Report)
    assert [path.path for path in report.paths] == [path.name for path in live.PATHS]
    for path in report.paths:
        assert path.ticks >= 5
        assert path.core_percent_per_call > 0
        assert path.calls_per_core > 0
    assert report.met.nothing_lost
    console = Console(width=120, record=True)
    console.print(sidecar.table(result))
    text = console.export_text()
    assert "own, 24 kHz" in text
    assert "10 % lost, aiortc" in text
    assert "nothing lost: yes" in text


def test_the_networks_tell_the_paths_apart() -> None:
    rows = {row.network: row for row in networks(20, 16000)}
    assert list(rows) == list(NETWORKS)
    for row in rows.values():
        assert row.own.lost_percent == 0
        assert row.own.delay_ms.p95 <= sidecar.DELAY_P95_MS
    assert rows["clean"].stock.lost_percent == 0
    assert rows["clean"].stock.delay_ms.p50 == 80
    lossy = rows["5 % lost"]
    assert lossy.stock.lost_percent > 10
    assert lossy.stock.delay_ms.p50 > 200
    assert lossy.own.recovered_percent + lossy.own.concealed_percent > 3
    assert rows["DTX sender"].stock.delay_ms.max > 500
    assert rows["DTX sender"].own.delay_ms.max == 0


def test_the_machine_is_named() -> None:
    found = machine()
    assert json.loads(json.dumps(found)) == found
    assert found["processor"]
    assert versions()["aiortc"] == "1.16.0"
