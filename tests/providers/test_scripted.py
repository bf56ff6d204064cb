"""The scripted ear: words at their ticks, speech from words, delay, and refused scripts."""

from pathlib import Path

import numpy as np
import pytest

from copilot.audio.frames import MicroTurn
from copilot.core.events import CallStarted, Heard
from copilot.core.policy import Policy
from copilot.core.vocabulary import Word
from copilot.errors import ConfigError
from copilot.providers import scripted
from copilot.providers.registry import Host
from copilot.providers.scripted import Said, Script, ScriptedListener

HOST = Host(Path("unused"))
SCRIPT = Script(
    customer=Said(
        (Word("where", 2, 4), Word("is", 4, 5), Word("it", 7, 9), Word("now", 20, 22)),
        sounds=((30, 32),),
    )
)


async def heard(script: Script, ticks: range) -> list[Heard]:
    ear = await ScriptedListener(script).open(CallStarted("call", Policy()))
    silence = np.zeros(1_280, np.float32)
    answers = [await ear.hear(MicroTurn(tick, silence, silence)) for tick in ticks]
    await ear.close()
    return answers


async def test_words_come_at_the_tick_they_end_and_once() -> None:
    answers = await heard(SCRIPT, range(40))
    final = {one.tick: [word.text for word in one.customer.words] for one in answers}
    assert {tick: words for tick, words in final.items() if words} == {
        3: ["where"],
        4: ["is"],
        8: ["it"],
        21: ["now"],
    }
    assert all(one.agent.words == () and one.agent.speech == 0 for one in answers)


async def test_speech_follows_words_short_gaps_and_sounds() -> None:
    answers = await heard(SCRIPT, range(40))
    speech = [one.tick for one in answers if one.customer.speech]
    assert speech == [*range(2, 9), 20, 21, 30, 31]


async def test_delay_makes_words_partial_first() -> None:
    answers = await heard(Script(customer=SCRIPT.customer, delay=5), range(40))
    assert [one.customer.partial for one in answers[2:9]] == [
        "where",
        "where",
        "where is",
        "where is",
        "where is",
        "where is it",
        "is it",
    ]
    assert [word.text for word in answers[8].customer.words] == ["where"]


async def test_words_of_skipped_ticks_come_later() -> None:
    answers = await heard(SCRIPT, range(15, 17))
    assert [word.text for word in answers[0].customer.words] == ["where", "is", "it"]


@pytest.mark.parametrize("name", ["script.json", "script.yaml"])
async def test_scripts_are_read_from_json_and_yaml(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = '{"customer": {"words": [{"text": "hello", "start": 1, "end": 3}]}, "rate": 24000}'
    path.write_text(text)
    listener = scripted.listener({"script": str(path)}, HOST)
    assert listener.rate == 24_000
    ear = await listener.open(CallStarted("call", Policy()))
    silence = np.zeros(1_920, np.float32)
    one = await ear.hear(MicroTurn(2, silence, silence))
    assert one.customer.words == (Word("hello", 1, 3),)
    await listener.close()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a script"),
        ('{"customer": {"wrds": []}}', "wrds"),
        ('{"customer": {"words": [{"text": "a", "start": 3, "end": 3}]}}', "must be after"),
        ('{"agent": {"words": [{"text": "a", "start": -1, "end": 3}]}}', "agent.words, word 1"),
        (
            '{"agent": {"words": [{"text": "a", "start": 5, "end": 9},'
            ' {"text": "b", "start": 1, "end": 3}]}}',
            "sort by end",
        ),
    ],
)
def test_unusable_scripts_are_refused_with_their_fault(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "script.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=fault) as refusal:
        scripted.listener({"script": str(path)}, HOST)
    assert str(path) in str(refusal.value)


def test_a_missing_script_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        scripted.listener({"script": str(tmp_path / "none.yaml")}, HOST)
    with pytest.raises(ConfigError, match="script"):
        scripted.listener({}, HOST)
