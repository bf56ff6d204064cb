"""Roles that a worker has read, or is reading step by step, so that calls need not wait for it."""

from collections.abc import Set
from typing import NamedTuple

from copilot.engine.errors import EngineError
from copilot.engine.prompt import Prompt
from copilot.engine.slots import Persona
from copilot.providers.moshi.chair import Chair
from copilot.providers.moshi.models import Models
from copilot.providers.moshi.plan import Role
from copilot.providers.moshi.roles import Steps, codes_of, read_role

ROLES = 32
"""Roles that are kept ready, beside those of calls."""


class Known(NamedTuple):
    """A role that was read."""

    prompt: Prompt | None
    persona: Persona | None


class Read(NamedTuple):
    """A role is read, or cannot be."""

    role: Role
    error: str = ""
    codes: bytes = b""
    """Its voice, where that is a recording."""


class Cast:
    """Raises EngineError, where `get` is asked for it, for a role that cannot be read."""

    def __init__(self, models: Models, chair: Chair) -> None:
        self._models, self._chair = models, chair
        self._known: dict[Role, Known] = {}
        self._reading: dict[Role, Steps] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, role: Role) -> bool:
        return role in self._known

    @property
    def reads(self) -> bool:
        """Whether `step` has something to do."""
        return bool(self._reading)

    def ask(self, role: Role, codes: bytes = b"") -> None:
        """Begin to read it; `codes` as `Read` told them."""
        self._reading[role] = read_role(role, self._models, codes)

    def step(self, role: Role | None = None) -> Read | None:
        """Go on with a role, the first of those asked for; what came of it, or not yet."""
        if role is None:
            role = next(iter(self._reading))
        try:
            return None if self._step(role) else Read(role, "", codes_of(self._known[role].prompt))
        except EngineError as error:
            return Read(role, str(error))

    def get(self, role: Role) -> Known:
        """At once, whatever it takes."""
        if role not in self._known:
            if role not in self._reading:
                self.ask(role)
            while self._step(role):
                pass
        known = self._known[role] = self._known.pop(role)  # what was used last comes last
        return known

    def let_go(self, used: Set[Role]) -> None:
        """Of roles that are not used, keep no more than a call's window holds: of a large model
        each takes as much memory as a call of its length."""
        room = self._chair.window
        for place, role in enumerate(reversed([one for one in self._known if one not in used])):
            persona = self._known[role].persona
            room -= 0 if persona is None else persona.length
            if room < 0 or place >= ROLES:
                del self._known[role]

    def _step(self, role: Role) -> bool:
        """Whether there is more to do."""
        if role in self._known:
            self._reading.pop(role, None)
            return False
        try:
            next(self._reading[role])
        except StopIteration as read:
            prompt: Prompt | None = read.value
            del self._reading[role]
            persona = None if prompt is None else self._chair.prepare(prompt)
            self._known[role] = Known(prompt, persona)
            return False
        except EngineError:
            del self._reading[role]
            raise
        return True
