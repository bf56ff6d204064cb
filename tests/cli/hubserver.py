"""A stand-in for the hub on this machine: it serves files as that does, or fails on demand."""

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c" * 40


@dataclass
class Hub:
    """What it has, how it answers, and what it was asked for."""

    files: dict[str, bytes] = field(default_factory=dict)
    """By ``owner/repo/name``."""
    refusal: tuple[int, str] | None = None
    """Status and error code of every answer."""
    cut_after: int = 0
    """Bytes after which the next answer breaks off, once; 0 never."""
    short: bool = False
    """Of every answer the last byte is missing, and its length says so."""
    lies: bool = False
    """The bytes are others than the checksum says."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Of each request the method, the file, and the range or nothing."""
    tokens: list[str] = field(default_factory=list)
    address: str = ""


class Answers(BaseHTTPRequestHandler):
    hub: Hub

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        match = re.fullmatch(r"/(.+/.+)/resolve/[^/]+/(.+)", self.path)
        assert match
        wanted = self.headers.get("Range", "")
        self.hub.asked.append((self.command, match[2], wanted))
        self.hub.tokens.append(self.headers.get("Authorization", ""))
        content = self.hub.files.get(f"{match[1]}/{match[2]}")
        if self.hub.refusal is not None:
            self.refuse(*self.hub.refusal)
        elif content is None:
            self.refuse(404, "EntryNotFound")
        else:
            self.send(content, wanted, body)

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def send(self, content: bytes, wanted: str, body: bool) -> None:
        digest = hashlib.sha256(content).hexdigest()
        if self.hub.lies:
            content = content[:-1] + b"?"
        if self.hub.short and body:
            content = content[:-1]
        start = int(match[1]) if (match := re.fullmatch(r"bytes=(\d+)-", wanted)) else 0
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", f'"{digest}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if not body:
            return
        rest = content[start:]
        if 0 < self.hub.cut_after < len(rest):
            rest, self.hub.cut_after = rest[: self.hub.cut_after], 0
            self.close_connection = True
        self.wfile.write(rest)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()
    answers = type("Bound", (Answers,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    hub.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
