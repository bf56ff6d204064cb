"""A PostgreSQL of the tests' own, from the binaries of this machine."""

import os
import pwd
import shutil
import subprocess
from itertools import count
from pathlib import Path

import pytest

ADMIN = "copilot"


def binaries() -> Path:
    """The newest PostgreSQL of this machine, or a skipped test."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    on_path = shutil.which("pg_ctl")
    if not found and on_path is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def unprivileged() -> str | None:
    """A user for the server, which refuses to run as root; None: we are not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class Cluster:
    """A PostgreSQL of the tests' own on a Unix socket."""

    def __init__(self, folder: Path) -> None:
        self._bin, self._user, self.folder = binaries(), unprivileged(), folder
        self._numbers = count(1)
        if self._user is not None:
            shutil.chown(folder, self._user)
        self._run("initdb", "-D", "data", "-U", ADMIN, "-A", "trust", "--no-sync", "-E", "UTF8")

    def start(self) -> None:
        options = f"-c fsync=off -c listen_addresses='' -k {self.folder}"
        self._run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "immediate", "stop")

    def new_url(self) -> str:
        """The URL of an empty database."""
        name = f"store_{next(self._numbers)}"
        self._run("createdb", "-h", str(self.folder), "-U", ADMIN, name)
        return f"postgresql://{ADMIN}@/{name}?host={self.folder}"

    def dump(self, url: str) -> str:
        """Every table of a database, as pg_dump writes it."""
        name = url.partition("@/")[2].partition("?")[0]
        self._run("pg_dump", "-h", str(self.folder), "-U", ADMIN, "-f", "dump.sql", name)
        return (self.folder / "dump.sql").read_text()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            cwd=self.folder,
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"
