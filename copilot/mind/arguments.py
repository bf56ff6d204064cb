"""A tool's arguments: the part of its schema that is shown and held to, whatever its server sends.

A schema is a program of sorts: references that are fetched, patterns that take for ever, words that
speak to a model. What is kept of it has none of these; the rest is the server's own to check.
"""

import re
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, SchemaError

from copilot.mind.fences import harmless, orders
from copilot.providers.redact import Mask, is_about

MOST = 32
"""Arguments of one tool, and choices of one argument."""
MOST_LETTERS = 200
"""Of one argument: so much is no number and no name, but talk."""
_DEEP = 4
_BRANCHES = 8
_SAFE = (
    "type", "enum", "const", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    "minLength", "maxLength", "minItems", "maxItems",
)  # fmt: skip
_NAME = re.compile(r"[\w.$-]{1,64}")
_PLACE = re.compile(r"#/(\$defs|definitions)/([^/]+)")

Schema = dict[str, Any]


def readable(schema: Mapping[str, Any]) -> Schema | None:
    """The schema's own arguments with their types, bounds and choices; None: it is none."""
    given = schema.get("properties", {})
    if not isinstance(given, Mapping):
        return None
    known = {
        name: _kept(one, schema, _DEEP)
        for name, one in list(given.items())[:MOST]
        if isinstance(name, str) and _NAME.fullmatch(name) and not orders(name)
    }
    made: Schema = {"type": "object", "properties": known}
    if isinstance(needed := schema.get("required"), list):
        made["required"] = [one for one in needed if isinstance(one, str)][:MOST]
    try:
        Draft202012Validator.check_schema(made)
    except SchemaError:
        return None
    return made


def fault(schema: Schema, arguments: Mapping[str, object]) -> str:
    """What does not fit a readable schema; an unknown argument does not, nor does a long one."""
    known = schema["properties"]
    if unknown := [name for name in arguments if name not in known]:
        return f"{unknown[0]!r} is none of them"
    for name, value in arguments.items():
        if len(str(value)) > MOST_LETTERS:
            return f"{name!r} is longer than {MOST_LETTERS} letters"
    found = next(iter(Draft202012Validator(schema).iter_errors(dict(arguments))), None)
    return found.message[:200] if found is not None else ""


def masked(arguments: Mapping[str, object], mask: Mask) -> dict[str, object]:
    """The arguments without what `mask` hides; an argument's name says what its number is."""
    return {name: _masked(name, value, mask) for name, value in arguments.items()}


def _masked(name: str, value: object, mask: Mask) -> object:
    match value:
        case str():
            about = is_about(name)
            hidden = mask.hide(f"{about} {value}")
            return hidden.removeprefix(f"{about} ")
        case int() if not isinstance(value, bool):
            told = _masked(name, str(value), mask)
            return value if told == str(value) else told
        case list():
            return [_masked(name, one, mask) for one in value]
        case dict():
            return masked(value, mask)
        case _:
            return value


def _kept(given: object, root: Mapping[str, Any], deep: int) -> Schema:
    """One argument's schema; what it refers to in the same schema stands in its place."""
    if not isinstance(given, Mapping) or not deep:
        return {}
    if isinstance(place := given.get("$ref"), str):
        return _kept(_at(place, root), root, deep - 1)
    made = {key: given[key] for key in _SAFE if key in given and _plain(given[key])}
    if isinstance(text := given.get("description"), str):
        made["description"] = harmless(text[:MOST_LETTERS])
    if isinstance(items := given.get("items"), Mapping):
        made["items"] = _kept(items, root, deep - 1)
    for key in ("anyOf", "oneOf", "allOf"):
        if isinstance(parts := given.get(key), list) and 0 < len(parts) <= _BRANCHES:
            whole = "allOf" if key == "allOf" else "anyOf"
            made[whole] = [_kept(one, root, deep - 1) for one in parts]
    return made


def _at(place: str, root: Mapping[str, Any]) -> object:
    found = _PLACE.fullmatch(place)
    defined = root.get(found[1]) if found else None
    return defined.get(found[2]) if found and isinstance(defined, Mapping) else None


def _plain(value: object) -> bool:
    """Whether it is a short value, or a short list of such; none that speaks to a model."""
    match value:
        case str():
            return len(value) <= MOST_LETTERS and not orders(value)
        case list():
            return len(value) <= MOST and all(
                not isinstance(one, list) and _plain(one) for one in value
            )
        case bool() | int() | float() | None:
            return True
        case _:
            return False
