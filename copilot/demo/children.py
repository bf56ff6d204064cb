"""The demo's two child processes: a server of its own and the caller; neither outlives the demo."""

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import to_builtins

from copilot.config import Settings
from copilot.config.sections import Accounts
from copilot.demo.notes import Broken, Note, decode
from copilot.demo.synth import SampleCall
from copilot.errors import UserError

READY = "serving on "
"""What the server prints on stdout before its URL when it takes calls."""
_START_SECONDS = 180.0
"""A first start indexes the packs and fits the recogniser's language; later ones take seconds."""
_STOP_SECONDS = 10.0
_TOLD_LINES = 15
"""Last lines of a server's stderr that are told when it fails."""


class DemoError(UserError):
    """The demo cannot go on; its text says why."""


def as_toml(settings: Settings) -> str:
    """`settings` as a file in which ``Settings.load`` finds them again, with absolute paths."""
    knowledge = {"path": str(settings.knowledge.path.absolute())}
    values = settings.model_dump(mode="json", exclude={"policy"})
    values |= {"data": str(settings.data.absolute()), "policy": to_builtins(settings.policy)}
    values["knowledge"] |= knowledge
    if settings.persona.file is not None:
        values["persona"]["file"] = str(settings.persona.file.absolute())
    return "\n".join(_tables((), values))


def _tables(path: tuple[str, ...], values: Mapping[str, object]) -> Iterator[str]:
    """A table and those inside of it; what is None stays out."""
    plain = {name: value for name, value in values.items() if not isinstance(value, dict)}
    yield (f"[{'.'.join(path)}]\n" if path else "") + _assignments(plain)
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _tables((*path, json.dumps(name, ensure_ascii=False)), value)


def _assignments(values: Mapping[str, object]) -> str:
    # strings, numbers, booleans and lists of them are written alike in JSON and in TOML
    return "".join(
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
        for name, value in values.items()
        if value is not None
    )


def _write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[str]:
    """A server with `settings` on a free port of this machine, where nobody must sign in; gives
    its URL when it takes calls.

    Raises DemoError with the server's last words if it does not start.
    """
    here = settings.server.model_copy(update={"host": "127.0.0.1", "hosts": ()})
    settings = settings.model_copy(update={"server": here, "accounts": Accounts(required=False)})
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as complaints:
        config = _write(Path(folder, "copilot.toml"), as_toml(settings))
        command = (sys.executable, "-m", "copilot", "--config", config, "serve", "--port", "0")
        async with _child(command, complaints.fileno()) as process:
            assert process.stdout is not None
            url = await _ready(process, complaints.fileno())
            drain = asyncio.create_task(_drain(process.stdout))
            try:
                yield url
            finally:
                drain.cancel()


async def _ready(process: asyncio.subprocess.Process, complaints: int) -> str:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            async for line in process.stdout:
                text = line.decode("utf-8", "replace").strip()
                if text.startswith(READY):
                    return text.removeprefix(READY).split()[0]
            code = await process.wait()
            reason = f"it ended with exit code {code}"
    except TimeoutError:
        reason = f"it was not ready after {_START_SECONDS:.0f} s"
    raise DemoError(f"the server did not start: {reason}\n{_tail(complaints)}".rstrip())


def _tail(complaints: int) -> str:
    size = os.fstat(complaints).st_size
    text = os.pread(complaints, 64 * 1024, max(0, size - 64 * 1024)).decode("utf-8", "replace")
    return "\n".join(deque(text.splitlines(), _TOLD_LINES))


async def _drain(stream: asyncio.StreamReader) -> None:
    while await stream.read(4096):
        pass


async def calling(sample: SampleCall, url: str, touch: bool) -> AsyncGenerator[Note, None]:
    """The notes of a caller who places the sample call; raises DemoError if the call fails."""
    command = [
        *(sys.executable, "-m", "copilot.demo.client", "--url", url),
        *("--agent", str(sample.agent), "--customer", str(sample.customer)),
        *(["--touch"] if touch else []),
    ]
    async with _child(command, asyncio.subprocess.DEVNULL) as process:
        assert process.stdout is not None
        async for line in process.stdout:
            note = decode(line)
            if isinstance(note, Broken):
                raise DemoError(note.message)
            yield note
        code = await process.wait()
        if code != 0:
            raise DemoError(f"the caller's process ended with exit code {code}; run it again")


@asynccontextmanager
async def _child(command: Sequence[str], stderr: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that is ended with the block, however that is left."""
    # the settings are in the file whole; the environment must not change them again
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COPILOT_")}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env={**kept, "PYTHONUNBUFFERED": "1"},
        # a session of its own: Ctrl-C comes to the demo, which ends its children in order
        start_new_session=True,
    )
    try:
        yield process
    finally:
        await asyncio.shield(_end(process))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the process to end, make it if it does not."""
    with contextlib.suppress(ProcessLookupError):
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
