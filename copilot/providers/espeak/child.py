"""The eSpeak NG process: reads lines from stdin, writes samples to stdout as they are made."""

import ctypes
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

import espeakng_loader

from copilot.providers.espeak.wire import HEADER, RATE, Kind, frame

# speak_lib.h of eSpeak NG 1.52
_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 0x0001
_END_PAUSE = 0x1000
_PARAMETER_RATE = 1
_PARAMETER_PITCH = 3
_POSITION_CHARACTER = 1

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)
Sink = Callable[[bytes], bool]
"""Takes int16 samples; False stops the synthesis."""


class StartError(Exception):
    """eSpeak NG cannot speak as it was asked to; the text says why."""


class Synthesiser:
    """eSpeak NG through ctypes: one voice, one line at a time."""

    def __init__(self, name: str, words_per_minute: int, pitch: int) -> None:
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        data = os.fsencode(espeakng_loader.get_data_path())
        rate = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, data, _DONT_EXIT)
        if rate != RATE:
            raise StartError(f"eSpeak NG did not start (it answered {rate})")
        if self._lib.espeak_SetVoiceByName(name.encode()) != 0:
            raise StartError(f"eSpeak NG has no voice {name!r}; try en-us+klatt4")
        self._lib.espeak_SetParameter(_PARAMETER_RATE, words_per_minute, 0)
        self._lib.espeak_SetParameter(_PARAMETER_PITCH, pitch, 0)
        self._sink: Sink = bool
        # the library keeps only the address, so the callback object must outlive it
        self._callback = _Callback(self._take)
        self._lib.espeak_SetSynthCallback(self._callback)

    def _take(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _events: int) -> int:
        if not samples or count <= 0:
            return 0
        return 0 if self._sink(ctypes.string_at(samples, count * 2)) else 1

    def say(self, text: bytes, end_pause: bool, sink: Sink) -> None:
        self._sink = sink
        flags = _CHARS_UTF8 | (_END_PAUSE if end_pause else 0)
        self._lib.espeak_Synth(text, len(text) + 1, 0, _POSITION_CHARACTER, 0, flags, None, None)


class Requests:
    """What stdin asks for, read by a thread so that a cancel is seen in mid-line."""

    def __init__(self, stdin: BinaryIO) -> None:
        self._stdin = stdin
        self._lines: queue.SimpleQueue[tuple[Kind, int, bytes]] = queue.SimpleQueue()
        self._cancelled: set[int] = set()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while len(header := self._stdin.read(HEADER.size)) == HEADER.size:
            kind, utterance, length = HEADER.unpack(header)
            payload = self._stdin.read(length)
            if kind == Kind.CANCEL:
                self._cancelled.add(utterance)
            else:
                self._lines.put((Kind(kind), utterance, payload))
        # the parent is gone: nobody is left to say anything to
        os._exit(0)

    def next(self) -> tuple[Kind, int, bytes]:
        return self._lines.get()

    def wanted(self, utterance: int) -> bool:
        return utterance not in self._cancelled

    def forget(self, utterance: int) -> None:
        self._cancelled.discard(utterance)


def serve(synthesiser: Synthesiser, requests: Requests, write: Callable[[bytes], None]) -> None:
    """Answer requests one after the other until stdin closes."""
    while True:
        kind, utterance, text = requests.next()

        def sink(samples: bytes, utterance: int = utterance) -> bool:
            if requests.wanted(utterance):
                write(frame(Kind.SAMPLES, utterance, samples))
                return True
            return False

        if requests.wanted(utterance):
            synthesiser.say(text, kind == Kind.SAY, sink)
        write(frame(Kind.DONE, utterance))
        requests.forget(utterance)


def main(name: str, words_per_minute: str, pitch: str) -> int:
    # Ctrl-C reaches the whole process group; this process ends when its parent does
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever the library prints must not land between frames
    try:
        synthesiser = Synthesiser(name, int(words_per_minute), int(pitch))
    except (StartError, OSError) as error:
        out.write(frame(Kind.REFUSED, 0, str(error).encode()))
        return 1
    out.write(frame(Kind.READY))
    serve(synthesiser, Requests(sys.stdin.buffer), lambda data: _write_all(out.fileno(), data))
    return 0


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
