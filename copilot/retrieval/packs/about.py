"""A pack's ``pack.toml``: read with every fault named, and written."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from copilot.retrieval.packs.file import PackFile
from copilot.retrieval.packs.markdown import line_of
from copilot.retrieval.packs.model import Fault

PACK_FILE = "pack.toml"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def read_about(folder: Path, faults: list[Fault]) -> dict[str, str] | None:
    file = folder / PACK_FILE
    if not file.is_file():
        remedy = "add one with name, title, description and language"
        faults.append(Fault(str(file), 0, "is missing", remedy))
        return None
    text = PackFile(folder, file, faults).text()
    if text is None:
        return None
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        faults.append(Fault(str(file), int(line[1]) if line else 0, "is not TOML", str(error)))
        return None
    before = len(faults)
    about = _about(folder, file, text, given, faults)
    return about if len(faults) == before else None


def _about(
    folder: Path, file: Path, text: str, given: Mapping[str, object], faults: list[Fault]
) -> dict[str, str]:
    keys = {"name": None, "title": None, "description": "", "language": "en"}
    about: dict[str, str] = {}
    for key in given.keys() - keys.keys():
        remedy = f"remove it or use one of {', '.join(keys)}"
        faults.append(Fault(str(file), line_of(text, key), f"unknown key {key!r}", remedy))
    for key, default in keys.items():
        value = given.get(key, default)
        if isinstance(value, str) and (value or default is not None):
            about[key] = value
        else:
            remedy = f'write {key} = "…"'
            problem = f"{key} is missing" if value is None else f"{key} = {value!r} is not a text"
            faults.append(Fault(str(file), line_of(text, key), problem, remedy))
    if "name" in about and (about["name"] != folder.name or not _NAME.fullmatch(about["name"])):
        remedy = "name it like its folder, in lower-case letters, digits and hyphens, at most 40"
        problem = f"name = {about['name']!r} in the folder {folder.name!r}"
        faults.append(Fault(str(file), line_of(text, "name"), problem, remedy))
    return about
