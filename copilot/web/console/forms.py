"""What forms and addresses carry, as values; a mistake names the field and what it takes."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from litestar.exceptions import HTTPException, ValidationException
from litestar.status_codes import HTTP_409_CONFLICT

from copilot.web.pages import AnyRequest

LONGEST = 20_000
"""Characters of one field."""


class Form:
    """The fields of a form that was sent."""

    def __init__(self, given: Mapping[str, Any], lists: Mapping[str, list[str]]) -> None:
        self._given, self._lists = given, lists

    @classmethod
    async def of(cls, request: AnyRequest) -> "Form":
        found = await request.form()
        texts = {key: value for key, value in found.items() if isinstance(value, str)}
        lists: dict[str, list[str]] = {}
        for key, value in found.multi_items():
            if isinstance(value, str):
                lists.setdefault(key, []).append(value)
        return cls(texts, lists)

    def text(self, name: str) -> str:
        """The field without spaces around it; empty where it is missing."""
        value = str(self._given.get(name, "")).replace("\0", "").replace("\r\n", "\n").strip()
        if len(value) > LONGEST:
            raise ValidationException(f"{name}: {len(value)} characters; {LONGEST} at most")
        return value

    def saw(self, stands: str, what: str) -> None:
        """Refuses, with 409, a form that was filled in over something else than what `stands` now;
        one that does not say over what is taken."""
        if self.text("seen") not in ("", stands):
            raise HTTPException(
                status_code=HTTP_409_CONFLICT,
                detail=f"{what} been changed since you opened this page, in another tab or by "
                "somebody else.",
            )

    def on(self, name: str) -> bool:
        return name in self._given

    def all(self, name: str) -> list[str]:
        """Every value of a field that stands there several times."""
        return [one.replace("\0", "").strip() for one in self._lists.get(name, [])]

    def names(self, start: str) -> list[str]:
        """The fields whose name begins so."""
        return [name for name in self._given if name.startswith(start)]

    def numbers(self, start: str) -> list[int]:
        """What stands behind the beginning, of fields that are numbered."""
        ends = (name.removeprefix(start) for name in self.names(start))
        return sorted(int(end) for end in ends if end.isdigit() and len(end) < 5)

    def lines(self, name: str) -> tuple[str, ...]:
        """The lines of a text that are not empty, each once."""
        return tuple(
            dict.fromkeys(one.strip() for one in self.text(name).split("\n") if one.strip())
        )

    def number(self, name: str, otherwise: float | None = None) -> float:
        """A number; raises ValidationException with the field and what it takes."""
        text = self.text(name)
        if not text and otherwise is not None:
            return otherwise
        try:
            value = float(text.replace(",", "."))
        except ValueError:
            value = float("nan")
        if not abs(value) < 1e9:
            raise ValidationException(f"{name} = {text!r}: write a number")
        return value

    def whole(self, name: str, otherwise: int | None = None) -> int:
        return round(self.number(name, otherwise))

    def maybe(self, name: str) -> int | None:
        """A whole number; None where the field is empty."""
        return self.whole(name) if self.text(name) else None


def stamp(*shown: object) -> str:
    """What a form carries as ``seen``: tells apart what its page showed from anything else."""
    return hashlib.blake2b(repr(shown).encode(), digest_size=12).hexdigest()


def day(text: str | None, name: str) -> datetime | None:
    """The beginning of a day that was typed, UTC; None where none was."""
    if not text:
        return None
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ValidationException(f"{name} = {text!r}: write a day as 2026-11-26") from None
    return datetime(found.year, found.month, found.day, tzinfo=UTC)


def after(text: str | None, name: str) -> datetime | None:
    """The end of a day that was typed."""
    found = day(text, name)
    return found and found + timedelta(days=1)
