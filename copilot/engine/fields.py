"""Frozen dataclasses from the keys of a JSON object: every value checked, every fault named."""

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from copilot.engine.errors import EngineError

Config = TypeVar("Config")

LARGEST = 10**18
"""Whole numbers from here on are no size of anything, and some do not fit a float."""

EXPECTED: Mapping[Any, str] = {
    int: "a whole number",
    float: "a number",
    tuple[int, ...]: "a list of whole numbers",
}


def build(kind: type[Config], raw: Mapping[str, Any], source: str) -> Config:
    """Keys that `kind` has no field for are left alone, and null stands for a field's default.

    Raises EngineError with the field, its value and what is expected.
    """
    values = {}
    for one in fields(kind):  # type: ignore[arg-type]
        given = raw.get(one.name)
        if given is not None:
            values[one.name] = _typed(one.type, given, f"{source}: {one.name}")
        elif one.default is MISSING:
            what = "null" if one.name in raw else "missing"
            raise EngineError(f"{source}: {one.name} is {what}; expected {EXPECTED[one.type]}")
    try:
        return kind(**values)
    except EngineError as error:
        raise EngineError(f"{source}: {error}") from None


def section(raw: Mapping[str, Any], key: str, source: str) -> Mapping[str, Any]:
    """The object under `key`, empty where there is none; raises EngineError where it is none."""
    found = raw.get(key)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise EngineError(f"{source}: {key} = {found!r}: expected an object")
    return found


def check_kind(raw: Mapping[str, Any], kind: Mapping[str, tuple[Any, ...]], source: str) -> None:
    """Refuse a key of `kind` whose value is none of those that are built here."""
    for key, allowed in kind.items():
        if key in raw and raw[key] not in allowed:
            known = " or ".join(json.dumps(value) for value in allowed)
            raise EngineError(
                f"{source}: {key} = {raw[key]!r}: not a kind of model that runs here; "
                f"expected {known}"
            )


def check_positive(config: object, *names: str) -> None:
    for name in names:
        value = getattr(config, name)
        for one in value if isinstance(value, tuple) else (value,):
            if not one > 0:
                raise EngineError(f"{name} = {value!r}: expected more than 0")


def check_at_most(config: object, limit: float, *names: str) -> None:
    """Refuse what no model has, before something of that size is made."""
    for name in names:
        value = getattr(config, name)
        if value > limit:
            raise EngineError(f"{name} = {value!r}: expected at most {limit}")


def check_divides(config: object, part: str, whole: str) -> None:
    """Refuse heads that do not split a width evenly."""
    few, many = getattr(config, part), getattr(config, whole)
    if many % few:
        raise EngineError(f"{part} = {few}: expected a divisor of {whole} = {many}")


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; raises EngineError where the file holds none."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EngineError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise EngineError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(raw, dict):
        raise EngineError(f"{path}: expected a JSON object, found {type(raw).__name__}")
    return raw


def _typed(kind: Any, value: Any, what: str) -> Any:
    """JSON has one kind of number: 1e4 may stand for a whole one, true stands for none."""
    if kind is int and _is_number(value) and value == int(value):
        return int(value)
    if kind is float and _is_number(value):
        return float(value)
    if kind == tuple[int, ...] and isinstance(value, list | tuple):
        return tuple(_typed(int, one, f"{what}[{place}]") for place, one in enumerate(value))
    raise EngineError(f"{what} = {value!r}: expected {EXPECTED[kind]}")


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST
