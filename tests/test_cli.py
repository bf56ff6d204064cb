"""The commands as a user types them: help that teaches, mistakes in one line, never a traceback."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from copilot.cli import main
from copilot.core.call import replay
from copilot.errors import LogError
from copilot.evaluate.logs import read, write
from tests.helpers import Call, knows, passage


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


@pytest.mark.parametrize(
    "command",
    ["serve", "demo", "listen", "index", "replay", "bench", "bench core", "learn", "packs check"],
)
def test_each_command_explains_itself(command: str) -> None:
    result = run(*command.split(), "--help")
    assert result.exit_code == 0
    assert len(result.output) > 150


def mistake(*words: str) -> str:
    """What a mistake prints, run as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "copilot", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("copilot: ")
    return done.stderr.replace("\n", " ")


def test_an_unknown_setting(tmp_path: Path) -> None:
    file = tmp_path / "copilot.toml"
    file.write_text("[ear]\nprovider = 'parrot'\n[srver]\n")
    assert "srver: unknown setting" in mistake("--config", str(file), "index")


def test_an_unknown_provider(tmp_path: Path) -> None:
    file = tmp_path / "copilot.toml"
    file.write_text("[embedder]\nprovider = 'parrot'\n")
    said = mistake("--config", str(file), "--data", str(tmp_path), "index")
    assert "embedder.provider = 'parrot': no such provider; there are gateway, minilm" in said


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = mistake("--data", str(tmp_path), "serve", "--port", str(port))
    assert f"server.port = {port}: cannot listen on 127.0.0.1 (Address already in use)" in said


def test_a_media_address_of_another_machine(tmp_path: Path) -> None:
    file = tmp_path / "copilot.toml"
    file.write_text("[server]\nmedia_host = '192.0.2.7'\nport = 0\n")
    said = mistake("--config", str(file), "--data", str(tmp_path / "data"), "serve")
    assert "server.media_host = '192.0.2.7': no address of this machine" in said


def test_composing_without_a_composer(tmp_path: Path) -> None:
    file = tmp_path / "copilot.toml"
    file.write_text("[policy]\ncompose = true\n[server]\nport = 0\n")
    said = mistake("--config", str(file), "--data", str(tmp_path / "data"), "serve")
    assert "policy.compose = true: no background model is configured" in said


def log_of(tmp_path: Path, lines: Sequence[bytes]) -> Path:
    path = tmp_path / "call.jsonl"
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def sample_log() -> list[bytes]:
    call = Call(knows(passage())).customer("can i change the delivery address of my parcel")
    return write(call.quiet(30).end().log).splitlines()


def test_replay_reproduces_a_log(tmp_path: Path) -> None:
    result = run("replay", str(log_of(tmp_path, sample_log())))
    assert result.exit_code == 0
    assert "every one the same" in result.output.replace("\n", " ")


def test_replay_shows_where_a_log_was_changed(tmp_path: Path) -> None:
    lines = sample_log()
    changed = next(i for i, line in enumerate(lines) if b"show_card" in line)
    entry = json.loads(lines[changed])
    entry["event"]["text"] = "Something else."
    lines[changed] = json.dumps(entry).encode()
    result = run("replay", str(log_of(tmp_path, lines)))
    assert result.exit_code == 1
    assert f"entry {changed} differs" in result.output


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([b"{}"], "line 1: not an entry"),
        ([b"hello"], "line 1: not an entry"),
        ([], "begins with call_started"),
        ([b'{"seq":0,"tick":0,"event":{"type":"heard","tick":1}}'], "begins with call_started"),
    ],
)
def test_what_is_no_log(tmp_path: Path, lines: list[bytes], said: str) -> None:
    assert said in mistake("replay", str(log_of(tmp_path, lines)))


def twice_begun(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines]


def going_back(lines: list[bytes]) -> list[bytes]:
    heard = [line for line in lines if b'"type":"heard"' in line]
    return [*lines[:1], heard[5], heard[2]]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(twice_begun, "line 2: call_started again"), (going_back, "line 3: tick 3 after tick 6")],
)
def test_a_log_that_no_call_can_have_written(
    tmp_path: Path, spoil: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    assert said in mistake("replay", str(log_of(tmp_path, spoil(sample_log()))))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=1, max_size=4))
def test_a_log_with_lines_lost_and_moved_is_refused_or_compared(
    tmp_path: Path, moves: list[tuple[int, int]]
) -> None:
    lines = sample_log()
    for source, target in moves:
        line = lines.pop(source % len(lines))
        if source % 3:
            lines.insert(target % (len(lines) + 1), line)
    path = log_of(tmp_path, lines)
    with suppress(LogError):
        replay(read(path))


@pytest.mark.parametrize(
    "words",
    [
        "bench search --passages 0",
        "bench search --queries 0",
        "bench sidecar --calls 0",
        "bench sidecar --seconds 0",
        "bench ear --calls 0",
        "bench ear --seconds -1",
        "bench core --minutes 0",
    ],
)
def test_a_measurement_of_nothing_is_refused(words: str) -> None:
    result = run(*words.split())
    assert result.exit_code == 2
    assert f"Invalid value for '{words.split()[2]}'" in result.output


def test_brackets_in_a_message_are_shown(tmp_path: Path) -> None:
    result = run("listen", str(tmp_path / "call [draft].wav"))
    assert result.exit_code == 2
    assert "call [draft].wav" in result.output.replace("\n", " ")


@pytest.mark.parametrize("command", ["index", "serve", "demo", "listen call.wav"])
def test_a_data_folder_that_is_a_file(tmp_path: Path, command: str) -> None:
    path = tmp_path / "file"
    path.write_text("")
    said = mistake("--data", str(path), *command.split())
    assert f"data = {path}: the folder cannot be made (File exists)" in said


def test_a_recording_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"RIFF")
    assert "call.wav" in mistake("listen", str(path))


def test_figures_can_be_printed_alone() -> None:
    result = run("bench", "core", "--minutes", "0.1", "--json", "-")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["bench"] == "core"
