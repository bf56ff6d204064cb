"""Runs a program and passes on what it writes, line by line, until a line is too long: a server of
tools must not fill the memory of the copilot.

``python -m copilot.mind.sieve BYTES COMMAND [ARGUMENT]...``
"""

import os
import subprocess
import sys
import threading
from typing import BinaryIO


def main() -> int:
    most, command = int(sys.argv[1]), sys.argv[2:]
    # Where our own modules lie is not where another Python's do.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
    except OSError as error:
        print(f"{command[0]}: cannot be started ({error.strerror})", file=sys.stderr)
        return 127
    assert child.stdin is not None
    assert child.stdout is not None
    feeding = threading.Thread(target=_feed, args=(child.stdin,), daemon=True)
    feeding.start()
    try:
        while line := child.stdout.readline(most):
            if not line.endswith(b"\n") and len(line) >= most:
                return 1
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        return 1
    finally:
        child.kill()
    return child.wait()


def _feed(into: BinaryIO) -> None:
    """Our input is the child's, until either ends."""
    try:
        while chunk := os.read(sys.stdin.fileno(), 65536):
            into.write(chunk)
            into.flush()
        into.close()
    except (OSError, ValueError):
        return


if __name__ == "__main__":
    sys.exit(main())
