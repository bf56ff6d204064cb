"""The demo's children: settings handed on, a server awaited, and nothing left running."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from copilot.config import Settings
from copilot.config.sections import Knowledge, OwnPersona, Persona, Provider, Server
from copilot.core.policy import Policy
from copilot.demo import children
from copilot.demo.children import DemoError, as_toml, serving

Serve = Callable[[str], None]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Lets ``python -m copilot serve`` run a given script, by a package before the real one."""

    def install(script: str) -> None:
        package = tmp_path / "stand-in" / "copilot"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("")
        (package / "__main__.py").write_text(script)
        monkeypatch.setenv("PYTHONPATH", str(package.parent))
        monkeypatch.setenv("PYTHONSAFEPATH", "1")

    return install


def offspring() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def test_settings_survive_their_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(
        data=tmp_path / 'a "quoted" folder\\',
        server=Server(port=9000, hosts=("here", "there")),
        knowledge=Knowledge(path=tmp_path / "päckchen", packs=("parcel",)),
        ear=Provider.model_validate({"provider": "sherpa", "model": "/models/x", "threads": 2}),
        persona=Persona(role="Ann", packs={"old mill": OwnPersona(voice="NATF2")}),
        policy=Policy(min_support=61, voice=True, do_not_trigger=("call 🚓 the police",)),
    )
    for name in [name for name in os.environ if name.startswith("COPILOT_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "settings.toml"
    path.write_text(as_toml(settings), encoding="utf-8")
    assert Settings.load(path) == settings


async def test_a_server_is_awaited_and_ended(serve: Serve, tmp_path: Path) -> None:
    serve(
        "import sys, time\n"
        "print('loading', flush=True)\n"
        "print('serving on http://127.0.0.1:4711', ' '.join(sys.argv[1:]), flush=True)\n"
        "time.sleep(60)\n"
    )
    before = set(offspring())
    async with serving(Settings(data=tmp_path)) as url:
        assert url == "http://127.0.0.1:4711"
        (child,) = set(offspring()) - before
        assert child.cmdline()[-3:] == ["serve", "--port", "0"]
    assert not child.is_running()


async def test_a_server_that_fails_is_quoted(serve: Serve, tmp_path: Path) -> None:
    serve("import sys; sys.exit('knowledge/parcel: no such pack')")
    with pytest.raises(DemoError, match="exit code 1\nknowledge/parcel: no such pack"):
        async with serving(Settings(data=tmp_path)):
            raise AssertionError("never ready")


async def test_a_server_that_hangs_is_ended(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve("import time; time.sleep(60)")
    monkeypatch.setattr(children, "_START_SECONDS", 0.5)
    before = set(offspring())
    with pytest.raises(DemoError, match="not ready"):
        async with serving(Settings(data=tmp_path)):
            raise AssertionError("never ready")
    assert set(offspring()) == before


async def test_a_cancelled_demo_ends_its_server_even_one_that_resists(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('serving on http://127.0.0.1:1', flush=True)\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setattr(children, "_STOP_SECONDS", 0.3)
    before = set(offspring())
    ready = asyncio.Event()

    async def hold() -> None:
        async with serving(Settings(data=tmp_path)):
            ready.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await ready.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set(offspring()) == before
