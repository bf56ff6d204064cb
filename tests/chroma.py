"""A real Chroma server for tests."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from copilot.errors import ConfigError
from copilot.providers.chroma import open_chroma


@contextmanager
def chroma_server(folder: Path) -> Iterator[str]:
    """The URL of a server that keeps its data in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = str(Path(sys.executable).parent / "chroma")
    command = [program, "run", "--path", str(folder)]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen([*command, *address], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("Connect to Chroma at" in line for line in process.stdout)
        url = f"http://127.0.0.1:{port}"
        while not _answers(url, process):
            assert process.poll() is None
        yield url
        process.terminate()


def _answers(url: str, process: subprocess.Popen[str]) -> bool:
    try:
        open_chroma(url, Path())
    except ConfigError:
        return process.poll() is not None
    return True
