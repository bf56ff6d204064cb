"""Who the model takes itself for in a call: the team's settings, read again when they change."""

import logging
import re
import tomllib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from copilot.config.sections import OwnPersona, Persona
from copilot.errors import ConfigError
from copilot.providers.moshi.plan import Role

log = logging.getLogger(__name__)

LONGEST = 4000
"""Characters of a role: about as many as fill half of the model's window."""
VOICE = re.compile(r"\w{1,40}", re.ASCII)
"""The name of a voice of the checkpoint."""
SUFFIXES = (".pt", ".safetensors", ".wav", ".flac", ".ogg", ".aiff")

Prepare = Callable[[Role], Awaitable[str]]
"""Has a role read by the model; what is wrong with it, or nothing."""


class Roles(NamedTuple):
    """What the settings say."""

    common: Role
    """Of calls that have none of the others."""
    teams: Mapping[str, Role]
    packs: Mapping[str, Role]

    @property
    def all(self) -> tuple[Role, ...]:
        return tuple(dict.fromkeys((self.common, *self.teams.values(), *self.packs.values())))


class Personas:
    """`voices` is the folder of the checkpoint's own voices.

    Raises ConfigError for what cannot be used when it is made; later a change for the worse is
    told in `fault`, and what was in use stays.
    """

    def __init__(self, given: Persona, voices: Path) -> None:
        self._given, self._voices = given, voices
        self._roles = self._read()
        self._stamp = self._stamps(self._roles)
        self._written_roles: set[Role] = set()
        """Of teams, that the model has read."""
        self.fault = ""

    @property
    def roles(self) -> tuple[Role, ...]:
        """All that calls may ask for."""
        return self._roles.all

    async def role(self, packs: Sequence[str], prepare: Prepare, team: str = "") -> Role:
        """That of a team's call with these packs, as ``name@version``, in the settings as they are
        now: the first pack's that has one, else the team's, else the one for all.

        While a change is being read, other calls begin with what was in use.
        """
        if (stamp := self._stamps(self._roles)) != self._stamp:
            self._stamp = stamp
            await self._change(prepare)
        roles, names = self._roles, (pack.partition("@")[0] for pack in packs)
        one = next((roles.packs[name] for name in names if name in roles.packs), None)
        return one or roles.teams.get(team, roles.common)

    async def of_team(self, text: str, voice: str, packs: Sequence[str], prepare: Prepare) -> Role:
        """The persona that a team has written itself, for what it leaves empty the settings'.

        One that cannot be used is told in `fault`, and the settings' holds.
        """
        settings = await self.role(packs, prepare)
        try:
            role = self._written(text, voice, settings)
            if role not in self._written_roles:
                if error := await prepare(role):
                    raise ConfigError(f"the team's persona: {error}")
                self._written_roles.add(role)
        except ConfigError as error:
            self.fault = str(error)
            log.error("a team's persona is not used: %s", error)
            return settings
        return role

    def _written(self, text: str, voice: str, settings: Role) -> Role:
        """A team names a voice of the checkpoint, never a file of this machine."""
        if voice and not VOICE.fullmatch(voice):
            raise ConfigError(f"the team's persona: voice = {voice!r}: name one of the checkpoint")
        made = self._role(text or settings.text, voice, "the team's persona")
        return made if voice else Role(made.text, settings.voice, settings.stamp)

    async def _change(self, prepare: Prepare) -> None:
        source = self._given.file or "persona"
        try:
            roles = self._read()
            stamp = self._stamps(roles)
            for role in roles.all:
                if error := await prepare(role):
                    raise ConfigError(f"{source}: {error}")
        except ConfigError as error:
            self.fault = str(error)
            log.error("the persona stays as it was: %s", error)
        except TimeoutError as error:
            self._stamp = ()  # the next call tries again
            self.fault = f"{source}: {error}; the next call tries again"
            log.warning("the persona stays as it was: %s", error)
        else:
            self._roles, self._stamp, self.fault = roles, stamp, ""

    def _stamps(self, roles: Roles) -> tuple[str, ...]:
        """Changes with each file that the roles are made of."""
        voices = (Path(role.voice) for role in roles.all if role.voice)
        return tuple(_stamp(file) for file in (self._given.file, *voices))

    def _read(self) -> Roles:
        given, source = self._given, "persona"
        if given.file is not None:
            if given.role or given.voice or given.packs or given.teams:
                raise ConfigError(
                    "persona.file: give a file, or role, voice, teams and packs; not both"
                )
            given, source = _load(given.file), str(given.file)

        def named(kind: str, some: Mapping[str, OwnPersona]) -> dict[str, Role]:
            return {
                name: self._role(
                    one.role or given.role, one.voice or given.voice, f"{source}: {kind}.{name}"
                )
                for name, one in some.items()
            }

        common = self._role(given.role, given.voice, source)
        return Roles(common, named("teams", given.teams), named("packs", given.packs))

    def _role(self, text: str, voice: str, source: str) -> Role:
        if len(text) > LONGEST:
            raise ConfigError(
                f"{source}: role: {len(text)} characters; shorten it to {LONGEST} at most"
            )
        if not voice:
            return Role(text.strip())
        path = self._voice(voice, source)
        return Role(text.strip(), str(path), _stamp(path))

    def _voice(self, name: str, source: str) -> Path:
        path = Path(name)
        if path.suffix not in SUFFIXES or len(path.parts) == 1:
            bundled = self._voices / f"{path.name.removesuffix('.pt')}.pt"
            if bundled.is_file() and path.parent == Path():
                return bundled
        if not path.is_file():
            known = ", ".join(sorted(one.stem for one in self._voices.glob("*.pt"))) or "none here"
            raise ConfigError(
                f"{source}: voice = {name!r}: no such voice or recording; voices: {known}"
            )
        if path.suffix not in SUFFIXES:
            raise ConfigError(f"{source}: voice = {name!r}: expected one of {', '.join(SUFFIXES)}")
        return path.resolve()


def _load(file: Path) -> Persona:
    try:
        return Persona.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"persona.file = {file}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"persona.file = {file}: not a TOML file ({error})") from None
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(map(str, fault["loc"]))
        raise ConfigError(f"{file}: {key} = {fault['input']!r}: {fault['msg']}") from None


def _stamp(file: Path | None) -> str:
    """Changes with the file."""
    try:
        found = file.stat() if file is not None else None
    except OSError:
        return "missing"
    return "" if found is None else f"{found.st_mtime_ns}-{found.st_size}"
