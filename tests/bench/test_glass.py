"""From glass to glass in a real Chromium, with room for a busy machine."""

import shutil

import pytest

from copilot.bench import glass

pytestmark = pytest.mark.browser


def test_sound_goes_both_ways_in_time() -> None:
    if shutil.which("chromium") is None and shutil.which("google-chrome") is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    networks = glass.run(6)["networks"]
    assert isinstance(networks, dict)
    for name in ("calm", "bad"):
        one = networks[name]
        for way in ("mouth_to_turn", "speak_to_loudspeaker"):
            assert one[way]["count"] >= 2, (name, way)
            assert 0 < one[way]["p50"] < 1000, (name, way, one)
        # no delay stays: packets that were late do not make later ones late
        assert one["late_in"] < one["early_in"] + 150
