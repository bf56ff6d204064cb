"""The embedded ear end to end: real Silero, PocketSphinx in its process, its death, its lag."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from copilot.core.events import CallStarted, Heard
from copilot.core.policy import Policy
from copilot.errors import ConfigError
from copilot.providers import embedded
from copilot.providers.embedded.ear import EmbeddedEar, EmbeddedListener, Options
from copilot.providers.registry import Host
from tests.providers.embedded.sound import (
    ASKED,
    SENTENCES,
    SMALL_TALK,
    TICK,
    Speaker,
    hear,
    turns,
)

CALL = CallStarted("call", Policy())


def customer(heard: list[Heard]) -> str:
    return " ".join(word.text for one in heard for word in one.customer.words)


def agent(heard: list[Heard]) -> str:
    return " ".join(word.text for one in heard for word in one.agent.words)


def pid_of(ear: EmbeddedEar) -> int:
    pid = ear.recognition.pid
    assert pid is not None
    return pid


async def test_both_parties_are_heard(ear: EmbeddedEar, speak: Speaker) -> None:
    heard = await hear(ear, turns(agent=speak(SMALL_TALK), customer=speak(ASKED)))
    assert "keep my parcel at" in customer(heard)
    assert "weekend" in agent(heard)
    assert [one.tick for one in heard] == list(range(len(heard)))


async def test_words_lie_where_they_were_said(ear: EmbeddedEar, speak: Speaker) -> None:
    sound = speak(ASKED, before=2.0, after=1.2)
    heard = await hear(ear, turns(customer=sound, first=100))
    words = [word for one in heard for word in one.customer.words]
    speech = [one.tick for one in heard if one.customer.speech >= 50]
    assert abs(words[0].start - speech[0]) <= 4
    assert abs(words[-1].end - speech[-1]) <= 4
    assert all(word.end > word.start for word in words)
    assert [word.start for word in words] == sorted(word.start for word in words)
    final = next(one.tick for one in heard if one.customer.words)
    assert 3 <= final - speech[-1] <= 7


async def test_partials_come_while_the_party_speaks_and_go_with_the_words(
    ear: EmbeddedEar, speak: Speaker
) -> None:
    heard = await hear(ear, turns(customer=speak(ASKED)))
    final = next(place for place, one in enumerate(heard) if one.customer.words)
    partials = [one.customer.partial for one in heard[:final]]
    assert any("parcel" in partial for partial in partials)
    assert all(not one.customer.partial for one in heard[final:])
    assert all(not one.agent.partial and not one.agent.words for one in heard)


async def test_the_same_sound_gives_the_same_answers(
    listener: EmbeddedListener, speak: Speaker
) -> None:
    runs = []
    for _ in range(2):
        ear = await listener.open(CALL)
        runs.append(await hear(ear, turns(agent=speak(SMALL_TALK), customer=speak(ASKED))))
        await ear.close()
    assert runs[0] == runs[1]


async def test_a_killed_recogniser_costs_no_word(ear: EmbeddedEar, speak: Speaker) -> None:
    sound = np.concatenate([speak(ASKED), speak(SMALL_TALK)])
    middle = len(speak(ASKED)) // TICK // 2
    first = pid_of(ear)

    def kill(tick: int) -> None:
        if tick == middle:
            os.kill(first, signal.SIGKILL)

    heard = await hear(ear, turns(customer=sound), kill)
    assert ear.recognition.restarts == 1
    assert pid_of(ear) != first
    assert "keep my parcel" in customer(heard)
    assert "weekend" in customer(heard)


async def test_a_tick_never_waits_for_the_recogniser(ear_cache: Path, speak: Speaker) -> None:
    listener = EmbeddedListener(Options(), Host(ear_cache, SENTENCES))
    ear = await listener.open(CALL)
    os.kill(pid_of(ear), signal.SIGSTOP)
    took = []
    for turn in turns(customer=speak(ASKED)):
        since = time.perf_counter()
        heard = await ear.hear(turn)
        took.append(time.perf_counter() - since)
        assert not heard.customer.words
    assert ear.recognition.lag > 1
    assert sorted(took)[len(took) // 2] < 0.02
    os.kill(pid_of(ear), signal.SIGCONT)
    await ear.recognition.settle()
    heard = await ear.hear(turns(customer=np.zeros(TICK, np.float32), first=999)[0])
    assert "keep my parcel" in " ".join(word.text for word in heard.customer.words)
    assert ear.recognition.lag == 0
    await ear.close()
    await listener.close()


async def test_far_behind_whole_utterances_are_dropped_and_ticks_are_not(
    ear_cache: Path, speak: Speaker
) -> None:
    listener = EmbeddedListener(Options(), Host(ear_cache, SENTENCES))
    ear = await listener.open(CALL)
    os.kill(pid_of(ear), signal.SIGSTOP)
    heard = await hear(ear, turns(customer=np.tile(speak(ASKED), 5)))
    assert len(heard) == len(turns(customer=np.tile(speak(ASKED), 5)))
    assert ear.recognition.dropped > 0
    assert ear.recognition.lag < 13
    os.kill(pid_of(ear), signal.SIGCONT)
    await ear.close()
    await listener.close()


async def test_closing_leaves_no_process(listener: EmbeddedListener, speak: Speaker) -> None:
    ear = await listener.open(CALL)
    pid = pid_of(ear)
    await hear(ear, turns(customer=speak(ASKED))[:10])
    await ear.close()
    assert not psutil.pid_exists(pid)


async def test_a_process_that_does_not_listen_is_ended(listener: EmbeddedListener) -> None:
    ear = await listener.open(CALL)
    pid = pid_of(ear)
    os.kill(pid, signal.SIGSTOP)
    await ear.close()
    assert not psutil.pid_exists(pid)


async def test_two_calls_share_nothing_but_silero(
    listener: EmbeddedListener, speak: Speaker
) -> None:
    one, other = await listener.open(CALL), await listener.open(CALL)
    talk, question = await asyncio.gather(
        hear(one, turns(customer=speak(SMALL_TALK))), hear(other, turns(customer=speak(ASKED)))
    )
    assert pid_of(one) != pid_of(other)
    assert "weekend" in customer(talk)
    assert "parcel" not in customer(talk)
    assert "parcel" in customer(question)
    await one.close()
    await other.close()


async def test_missing_ticks_end_the_utterance_before_them(
    ear: EmbeddedEar, speak: Speaker
) -> None:
    sound = turns(customer=speak(ASKED))
    half = len(sound) // 2
    later = [turn._replace(tick=turn.tick + 1000) for turn in sound[half:]]
    heard = await hear(ear, sound[:half] + later)
    words = [word for one in heard for word in one.customer.words]
    assert words
    assert not [word for word in words if half + 1 < word.start < 1000]


async def test_silence_is_silence(ear: EmbeddedEar) -> None:
    heard = await hear(ear, turns(customer=np.zeros(TICK * 25, np.float32)))
    assert all(one.customer.speech < 50 and not one.customer.words for one in heard)


@pytest.mark.parametrize(
    ("options", "fault"),
    [({"lokstep": True}, "lokstep"), ({"vocabulary": "many"}, "vocabulary")],
)
def test_wrong_options_are_named(options: dict[str, object], fault: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=fault):
        embedded.listener(options, Host(tmp_path))


def test_a_killed_parent_leaves_no_process(ear_cache: Path) -> None:
    code = (
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from copilot.core.events import CallStarted\n"
        "from copilot.core.policy import Policy\n"
        "from copilot.providers import embedded\n"
        "from copilot.providers.registry import Host\n"
        "async def main():\n"
        f"    listener = embedded.listener({{}}, Host(Path({str(ear_cache)!r})))\n"
        "    ear = await listener.open(CallStarted('call', Policy()))\n"
        "    await ear.recognition.settle()\n"
        "    print(ear.recognition.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == -signal.SIGKILL
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(int(run.stdout)).wait(timeout=10)
    assert run.stderr == ""
