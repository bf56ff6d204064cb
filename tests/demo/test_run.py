"""The demo as a whole, on a real server: a short call, an interrupted one, and what it refuses."""

import asyncio
import io
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from copilot.config import Settings
from copilot.config.sections import Knowledge
from copilot.core.vocabulary import Party
from copilot.demo import run
from copilot.demo.children import DemoError
from copilot.demo.run import demo

pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed: copilot[espeak]")

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
title: One question
packs: [parcel]
parties:
  agent: {voice: en-us+klatt4, words_per_minute: 150}
  customer: {voice: en-us+klatt2, words_per_minute: 145}
targets: {right: 1, delay_ms: 3000, unneeded: 0}
lines:
  - {party: agent, after: 500, text: "How can I help you?"}
  - party: customer
    text: "Is it possible to change the delivery address?"
    question: {expects: card, passages: [parcel/delivery#can-i-change-the-delivery-address]}
  - {party: agent, after: 2500, text: "Yes."}
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    data = tmp_path_factory.mktemp("demo")
    return Settings(data=data, knowledge=Knowledge(path=ROOT / "knowledge"))


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "call.yaml"
    path.write_text(SCRIPT)
    return path


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


async def test_a_short_call_is_heard_shown_and_judged(
    settings: Settings, script: Path, tmp_path: Path
) -> None:
    console = Console(file=io.StringIO(), width=100, color_system=None)
    path = tmp_path / "result.json"
    code = await demo(settings, True, path, console, script=script)
    content = json.loads(path.read_text())
    assert content["outcome"]["right"] == 1
    assert content["passed"]
    assert code == 0
    assert content["recognition"]["customer"]["heard"]
    assert content["recognition"]["customer"]["word_error_rate"] < 0.7
    assert content["outcome"]["answerable"] == 1
    assert set(content["recognition"]) == set(Party)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "live page: http://127.0.0.1:" in text
    assert "  Customer  " in text
    assert "The agent hung up." in text
    assert "The questions" in text
    assert content["machine"]


async def test_an_interrupted_demo_ends_its_children_and_says_nothing(
    settings: Settings, script: Path
) -> None:
    code = (
        "import sys; from pathlib import Path; from rich.console import Console\n"
        "import asyncio\n"
        "from copilot.config import Knowledge, Settings\n"
        "from copilot.demo.run import demo\n"
        "knowledge = Knowledge(path=Path(sys.argv[3]))\n"
        "settings = Settings(data=Path(sys.argv[1]), knowledge=knowledge)\n"
        "try:\n"
        "    asyncio.run(demo(settings, False, None, Console(), script=Path(sys.argv[2])))\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", code, str(settings.data), str(script), str(settings.knowledge.path)),
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(60):
        async for line in process.stdout:
            if b"live page" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 2
        process.send_signal(signal.SIGTERM)  # it goes the way of Ctrl-C from there
        assert await process.wait() == 130
    assert await process.stderr.read() == b""
    psutil.wait_procs(children, timeout=5)
    assert not any(child.is_running() for child in children)


async def test_a_result_that_cannot_be_written_is_said_at_once(
    settings: Settings, tmp_path: Path
) -> None:
    console = Console(file=io.StringIO())
    with pytest.raises(DemoError, match="--json"):
        await demo(settings, True, tmp_path / "none" / "result.json", console)


async def test_a_server_that_dies_in_mid_call_is_one_message(
    settings: Settings, script: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run._show

    async def kill_and_show(*given: object) -> None:
        for child in psutil.Process().children():
            if "serve" in child.cmdline():
                child.kill()
        await shown(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "_show", kill_and_show)
    console = Console(file=io.StringIO(), width=100, color_system=None)
    with pytest.raises(DemoError):
        await demo(settings, True, None, console, script=script)
