"""Publishes packs, rolls them back and retires them: indexed first, switched when all is whole.

A folder under ``knowledge/``, or in the console's (``drafts.py``), is a pack's draft. Calls get the
published version, from its stored file: editing or deleting the folder changes nothing until the
pack is published again or retired.
"""

import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from copilot.errors import PackError
from copilot.retrieval.indexing import Indexer
from copilot.retrieval.packs import Pack, PackFaults, load_packs, read_packs
from copilot.retrieval.published import (
    Publication,
    Published,
    What,
    current,
    due,
    standing,
    versions,
)

log = logging.getLogger(__name__)


class Outcome(Struct, frozen=True):
    """What became of a pack."""

    pack: Pack
    """The version that calls get now."""
    what: str

    def __str__(self) -> str:
        pack = self.pack
        return f"{pack.ref}: {pack.title}, {len(pack.passages)} passages, {self.what}"


class Standing(Struct, frozen=True):
    """How a pack stands, published and as a folder."""

    name: str
    version: str | None
    """What calls get; None if that is nothing."""
    last: Publication | None
    """The last line of its history."""
    draft: str
    """What its folder holds: ``same``, ``differs``, ``new``; it may be ``faulty`` or ``gone``."""


def overview(folder: Path, published: Published, console: Path | None = None) -> list[Standing]:
    """Every pack that has a folder or was ever published, by name.

    One that has a folder in the `console`'s stands as that says.
    """
    there: set[str] = set()
    drafts: dict[str, Pack] = {}
    for one in (folder, console):
        own = {path.name for path in _folders(one)} if one and one.is_dir() else set()
        drafts = {name: pack for name, pack in drafts.items() if name not in own}
        if one and own:
            drafts |= {pack.name: pack for pack in read_packs(one).packs}
        there |= own
    rows = []
    for name in sorted(there.union(published.names())):
        history = published.history(name)
        version = current(history)
        if name in drafts:
            same = drafts[name].version == (version or "")
            draft = "same" if same else "differs" if history else "new"
        else:
            draft = "faulty" if name in there else "gone"
        rows.append(Standing(name, version, history[-1] if history else None, draft))
    return rows


def draft(folder: Path, name: str) -> Pack:
    """The pack as its folder has it; raises PackFaults."""
    if not (folder / name).is_dir():
        raise PackError(f"pack {name!r} has no folder in {folder}: it has no draft")
    (pack,) = load_packs(folder, [name])
    return pack


def in_use(published: Published, names: Sequence[str] = ()) -> tuple[Pack, ...]:
    """The packs as calls get them, of those in `names` (all when it is empty)."""
    packs = []
    for name in published.names():
        version = current(published.history(name))
        if version is not None and (not names or name in names):
            packs.append(published.load(name, version))
    return tuple(packs)


def drafts(
    folder: Path,
    names: Sequence[str],
    published: Published,
    strict: bool = True,
    aside: Collection[str] = (),
) -> tuple[Pack, ...]:
    """The packs of `folder` that `names` asks for; one that is published may be without a folder.

    Raises PackFaults. Unless `strict`, a fault in a pack that is published is only logged, for its
    published version can be used. `aside` are packs that the console keeps: only there somebody
    publishes them.
    """
    stored = {name for name in published.names() if current(published.history(name))}
    wanted = [name for name in names if name not in stored or (folder / name).is_dir()]
    wanted = [name for name in wanted if name not in aside]
    there = [path.name for path in _folders(folder)] if folder.is_dir() else []
    if not names and aside:
        wanted = [name for name in there if name not in aside]
    if (stored or aside) and folder.is_dir() and not (wanted if names or aside else there):
        return ()
    if strict:
        return load_packs(folder, wanted)
    reading = read_packs(folder, wanted)
    known = [fault for fault in reading.faults if _pack_of(fault.file, folder) in stored]
    for fault in known:
        log.warning("%s. The published version stays in use", fault)
    others = [fault for fault in reading.faults if fault not in known]
    if others:
        raise PackFaults(others)
    return reading.packs


def publish(
    packs: Sequence[Pack],
    published: Published,
    indexer: Indexer,
    asked: bool = False,
    by: str = "",
) -> list[Outcome]:
    """Publish drafts, and see that every pack of theirs is in the index.

    Unless `asked` for, only those that are due. All are indexed before the first is switched.
    `by` is written into the history.
    """
    going = [pack for pack in packs if _goes(pack, published, asked)]
    indexer.ensure(going)
    outcomes = []
    for pack in packs:
        if pack in going and _switch(pack, published, What.PUBLISHED, by):
            outcomes.append(Outcome(pack, "published"))
        elif (version := current(published.history(pack.name))) == pack.version:
            _keep_about(pack, published)
            outcomes.append(Outcome(pack, "up to date"))
        elif version is not None:
            what = f"kept: its folder holds {pack.version}, which was rolled back"
            outcomes.append(Outcome(published.load(pack.name, version), what))
        else:
            what = f"retired; `copilot packs publish {pack.name}` brings it back"
            outcomes.append(Outcome(pack, what))
    return outcomes


def bring_up(
    folder: Path,
    names: Sequence[str],
    published: Published,
    indexer: Indexer,
    strict: bool = True,
    aside: Collection[str] = (),
) -> list[Outcome]:
    """Publish the drafts that are due and index all that is in use; how each pack stands.

    `strict` and `aside` as for `drafts`.
    """
    outcomes = publish(drafts(folder, names, published, strict, aside), published, indexer)
    packs = in_use(published, (*names, *aside) if names else ())
    indexer.ensure(packs)
    indexer.tidy(packs, retired=[name for name in published.names() if _retired(name, published)])
    told = {outcome.pack.name for outcome in outcomes}
    others = [pack for pack in packs if pack.name not in told]
    return outcomes + [
        Outcome(
            pack,
            "kept: it is edited in the console"
            if pack.name in aside
            else _kept_though(pack.name, folder),
        )
        for pack in others
    ]


def roll_back(
    name: str, version: str | None, published: Published, indexer: Indexer, by: str = ""
) -> Pack:
    """Switch a pack to another published version, the one before unless it is named."""
    pack = published.load(name, target(name, version, published))
    indexer.ensure([pack])
    if not _switch(pack, published, What.ROLLED_BACK, by):
        raise PackError(f"{pack.ref} is published already; `copilot packs versions {name}`")
    return pack


def target(name: str, version: str | None, published: Published) -> str:
    """The version that a roll-back goes to; raises PackError if there is none."""
    find(name, published)
    if version is not None:
        return named(name, version, published)
    stack = standing(published.history(name))
    if not stack:
        raise PackError(
            f"pack {name!r} is retired; name the version: `copilot packs versions {name}`"
        )
    if len(stack) == 1:
        raise PackError(
            f"{name}@{stack[0]} is the first version that stands; there is none before it"
        )
    return stack[-2]


def retire(name: str, published: Published, by: str = "") -> str:
    """Take a pack out of use; returns the version that calls got so far."""
    with published.changing(find(name, published)) as change:
        version = current(change.history)
        if version is None:
            raise PackError(f"pack {name!r} is retired already")
        change.add(What.RETIRED, by=by)
    return version


def find(name: str, published: Published) -> str:
    """The name of a pack that was ever published; raises PackError for another."""
    names = published.names()
    if name not in names:
        remedy = f"there are {', '.join(names)}" if names else "begin with `copilot packs publish`"
        raise PackError(f"pack {name!r} was never published; {remedy}")
    return name


def named(name: str, version: str, published: Published) -> str:
    """The published version that begins with `version`."""
    found = [one for one in versions(published.history(name)) if one.startswith(version)]
    if len(found) != 1 or not version:
        problem = "more than one version like" if found else "no version"
        raise PackError(
            f"{name} has {problem} {version!r}; `copilot packs versions {name}` lists them"
        )
    return found[0]


def _goes(pack: Pack, published: Published, asked: bool) -> bool:
    history = published.history(pack.name)
    return current(history) != pack.version if asked else due(history, pack.version)


def _switch(pack: Pack, published: Published, what: What, by: str = "") -> bool:
    """Make it the version that new calls get; False if it is."""
    with published.changing(pack.name) as change:
        if current(change.history) == pack.version:
            return False
        if what is What.PUBLISHED:
            published.keep(pack)
        change.add(what, pack.version, len(pack.passages), by)
    return True


def _keep_about(pack: Pack, published: Published) -> None:
    """A new title or description needs no new version."""
    with suppress(PackError):  # a damaged file is written anew
        if published.load(pack.name, pack.version) == pack:
            return
    published.keep(pack)


def _kept_though(name: str, folder: Path) -> str:
    if (folder / name).is_dir():
        return "kept: its folder has faults"
    return f"kept: its folder is gone; `copilot packs retire {name}` takes it out of use"


def _retired(name: str, published: Published) -> bool:
    return current(published.history(name)) is None


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _pack_of(file: str, folder: Path) -> str:
    """The pack that a fault's file is in, or nothing."""
    path = Path(file)
    return path.relative_to(folder).parts[0] if folder in path.parents else ""
