"""The measurement of hedging runs and its figures say what it is worth."""

from copilot.bench import gateway


def test_hedging_cuts_the_tail() -> None:
    result = gateway.run(requests=80)
    ways = result["first_token_ms"]
    assert isinstance(ways, dict)
    assert ways["none"]["sent_percent"] == 100
    assert ways["hedged"]["p99"] < 0.6 * ways["none"]["p99"]
    assert "second request" in str(gateway.table(result).columns[0].header)
