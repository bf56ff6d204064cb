"""Files of public checkpoints, brought from the hub: begun ones go on, whole ones stay."""

import errno
import gzip
import os
import shutil
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock, Timeout
from huggingface_hub import get_hf_file_metadata, get_token, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.errors import HTTPError as TransportError  # type: ignore[attr-defined]
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from copilot.engine.checkpoints import (
    FOLDER,
    HUB,
    VOICE_NAMES,
    VOICES,
    Checkpoint,
    File,
    State,
    inspect,
)
from copilot.engine.errors import EngineError
from copilot.engine.weights import check_sha256
from copilot.errors import UserError

Tell = Callable[[str, int, int], object]

PARTS = ".parts"
"""Folder of files that have begun to come; one is moved to its place when it is whole."""


def fetch(
    checkpoint: Checkpoint, folder: Path, tell: Tell, *, endpoint: str | None = None
) -> list[str]:
    """Bring what is missing or damaged, and unpack voices; the names of files that came.

    A file is downloaded under another name, checked, and then moved to its own; where a fetch was
    broken off it goes on. Raises UserError with what to do.
    """
    try:
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        with FileLock(folder / PARTS / "lock", timeout=0):
            lacking = [state for state in inspect(checkpoint, folder) if state.fault]
            _check_space(checkpoint, lacking, folder)
            for state in lacking:
                if not _only_packed(state):
                    _bring(checkpoint, state.file, folder, tell, endpoint)
                if state.file.kind == VOICES:
                    _unpack(folder / state.file.name, folder)
    except Timeout:
        raise UserError(f"{folder}: another fetch is at work here; wait for it") from None
    except OSError as error:
        _explain_disk(error, folder)
    return [state.file.name for state in lacking]


def _only_packed(state: State) -> bool:
    return state.file.kind == VOICES and state.fault == "not unpacked"


def _bring(
    checkpoint: Checkpoint, file: File, folder: Path, tell: Tell, endpoint: str | None
) -> None:
    try:
        part, digest = _download(checkpoint, file, folder, tell, endpoint)
    except (TransportError, OfflineModeIsEnabled) as error:
        _explain_hub(error, checkpoint, file, folder)
    digest = file.sha256 or digest
    if digest:
        try:
            check_sha256(part, digest, lambda *at: tell(f"checking {file.name}", *at))
        except EngineError:
            part.unlink()
            raise UserError(
                f"{file.name}: what came from {checkpoint.page} has another SHA-256 than {digest} "
                "and was thrown away; try again, and do not use another copy of it"
            ) from None
    part.replace(folder / file.name)


def _download(
    checkpoint: Checkpoint, file: File, folder: Path, tell: Tell, endpoint: str | None
) -> tuple[Path, str]:
    """The downloaded part, whole, and its SHA-256 where the hub tells it."""
    revision = checkpoint.revision or None
    url = hf_hub_url(checkpoint.repo, file.name, revision=revision, endpoint=endpoint)
    token = get_token()
    about = get_hf_file_metadata(url, token=token, endpoint=endpoint)
    tag = about.etag or ""
    part = folder / PARTS / f"{file.name}.{tag[:16] or 'part'}"
    begun = part.stat().st_size if part.exists() else 0
    if about.size is not None and begun > about.size:
        part.unlink()
        begun = 0
    with part.open("ab") as out:
        http_get(
            url,
            out,
            resume_size=begun,
            headers=build_hf_headers(token=token),
            expected_size=about.size,
            displayed_filename=file.name,
            tqdm_class=_bar(file.name, tell),
        )
    return part, tag if len(tag) == 64 else ""


def _bar(name: str, tell: Tell) -> Any:
    """What the hub client takes for a progress bar."""

    class Bar:
        def __init__(self, *_: object, total: int | None, initial: int = 0, **__: object) -> None:
            self.done, self.total = initial, total or 0

        def update(self, count: int) -> None:
            self.done += count
            tell(name, self.done, max(self.total, self.done))

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None: ...

    return Bar


def _unpack(archive: Path, folder: Path) -> None:
    """Take the voices, and nothing else, out of the archive; they appear all at once."""
    fresh = folder / PARTS / FOLDER
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        with tarfile.open(archive) as packed:
            for member in packed:
                name = Path(member.name).name
                source = packed.extractfile(member) if name in VOICE_NAMES else None
                if source is not None:
                    (fresh / name).write_bytes(source.read())
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        archive.unlink()
        raise UserError(
            f"{archive}: damaged ({_short(error)}) and thrown away; try again"
        ) from None
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    fresh.rename(folder / FOLDER)
    archive.unlink()


def _check_space(checkpoint: Checkpoint, lacking: list[State], folder: Path) -> None:
    """Refuse before the first byte where the disk cannot hold what is known to come."""
    begun = sum(part.stat().st_size for part in (folder / PARTS).iterdir() if part.is_file())
    needed = sum(checkpoint.bytes(state.file) for state in lacking) - begun
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"{folder}: {free / 1e9:.1f} GB are free and {needed / 1e9:.1f} GB are to come; make "
            "room, or choose another disk with --models"
        )


def _explain_hub(error: Exception, checkpoint: Checkpoint, file: File, folder: Path) -> NoReturn:
    again = f"`copilot models fetch {checkpoint.name}`"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else 0
    if isinstance(error, GatedRepoError) or (checkpoint.gated and status in (401, 403)):
        raise UserError(
            f"{checkpoint.repo} is given only to those who accepted its licence "
            f"({checkpoint.licence}): log in at {checkpoint.page} and accept it, "
            + (
                "with the account that HF_TOKEN belongs to"
                if get_token()
                else f"make a token at {HUB}/settings/tokens, set HF_TOKEN to it"
            )
            + f", and run {again} again"
        ) from None
    if status in (401, 403):
        raise UserError(
            f"{checkpoint.repo}: the hub refuses the token ({status}); set HF_TOKEN to a valid one "
            f"or unset it, and run {again} again"
        ) from None
    if status == 404:
        raise UserError(
            f"{checkpoint.repo}: the hub has no {file.name} there (revision "
            f"{checkpoint.revision or 'main'}); look at {checkpoint.page}"
        ) from None
    what = f"answers {status}" if status else f"cannot be reached ({_short(error)})"
    raise UserError(
        f"{file.name}: the hub {what}; run {again} again, it goes on where it stopped. Without a "
        f"network, copy the files of {checkpoint.page} to {folder}"
    ) from None


def _explain_disk(error: OSError, folder: Path) -> NoReturn:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        raise UserError(
            f"{folder}: the disk is full; make room and run it again, it goes on where it stopped"
        ) from None
    if error.errno:
        raise UserError(f"{folder}: cannot be written ({os.strerror(error.errno)})") from None
    raise UserError(f"{folder}: {_short(error)} Run it again") from None


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
