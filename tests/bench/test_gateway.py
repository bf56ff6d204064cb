"""The measurement of hedging runs and its figures say what it is worth."""

from copilot.bench import gateway


def test_hedging_cuts_the_tail() -> None:
    result = gateway.run(requests=80, questions=3)
    ways = result["first_token_ms"]
    assert isinstance(ways, dict)
    assert ways["none"]["sent_percent"] == 100
    assert ways["hedged"]["p99"] < 0.6 * ways["none"]["p99"]
    assert "second request" in str(gateway.table(result).columns[0].header)
    ask = result["ask"]
    assert isinstance(ask, dict)
    assert ask["first_source_ms"]["p50"] < ask["first_sentence_ms"]["p50"]
    assert ask["provider_sentence_ms"] > ask["provider_first_token_ms"]
    assert 0 < ask["processor_ms"]["p50"] < ask["processor_ms"]["max"] + 1
