"""``copilot packs``: what is published of each pack, and how to change that."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from copilot.cli.check import check
from copilot.cli.common import Bars, console
from copilot.config import Settings

if TYPE_CHECKING:
    from copilot.retrieval.changes import Changes
    from copilot.retrieval.packs import Pack
    from copilot.retrieval.published import Published

DRAFT, PUBLISHED = "draft", "published"
"""What a version may be called beside its own name."""


@click.group()
def packs() -> None:
    """Versions of the knowledge packs: list, compare, publish, roll back.

    A pack's folder is its draft. Calls get the version that is published: a call keeps the one it
    began with, and the next call gets the new one, also while the service runs.
    """


@packs.command("list")
@click.pass_obj
def list_packs(settings: Settings) -> None:
    """Every pack: its published version, and whether its folder says something else."""
    from copilot.retrieval.library import drafts_in, published_in
    from copilot.retrieval.publishing import overview

    rows = overview(settings.knowledge.path, published_in(settings), drafts_in(settings).place)
    if not rows:
        console.print(f"{settings.knowledge.path} holds no pack, and nothing is published.")
        return
    table = _table("pack", "published", "when (UTC)", ">passages", "draft")
    for row in rows:
        last = row.last
        when, count = (_when(last.at), str(last.passages)) if row.version and last else ("", "")
        table.add_row(
            row.name, row.version or ("retired" if last else "never"), when, count, row.draft
        )
    console.print(table)


@packs.command("versions")
@click.argument("pack")
@click.pass_obj
def list_versions(settings: Settings, pack: str) -> None:
    """The history of PACK, newest first; > marks the version that calls get."""
    from copilot.retrieval.library import published_in
    from copilot.retrieval.published import current
    from copilot.retrieval.publishing import find

    published = published_in(settings)
    history = published.history(find(pack, published))
    table = _table("", "version", "when (UTC)", "what", ">passages")
    for place, line in enumerate(reversed(history)):
        mark = ">" if place == 0 and current(history) else ""
        table.add_row(mark, line.version, _when(line.at), line.what, str(line.passages or ""))
    console.print(table)


@packs.command()
@click.argument("pack")
@click.argument("old", default=PUBLISHED)
@click.argument("new", default=DRAFT)
@click.pass_obj
def diff(settings: Settings, pack: str, old: str, new: str) -> None:
    """Passages of PACK that were added, removed or changed between two versions.

    OLD is `published` unless named, NEW is `draft`: what calls get, and what the folder holds.
    A version may be cut short.
    """
    from copilot.retrieval.changes import compare
    from copilot.retrieval.library import published_in

    published = published_in(settings)
    before = _version(settings, pack, old, published)
    after = _version(settings, pack, new, published)
    changes = compare(before, after)
    names = [f"{pack} {one}" for one in (_label(before, old), _label(after, new))]
    if not changes:
        console.print(f"{names[0]} and {names[1]} say the same.", highlight=False)
        return
    for line in _lines(changes):
        console.print(line, highlight=False)
    counts = f"{len(changes.added)} added, {len(changes.removed)} removed"
    console.print(
        f"[dim]{names[0]} → {names[1]}: {counts}, {len(changes.changed)} changed[/]",
        highlight=False,
    )


@packs.command()
@click.argument("names", nargs=-1, metavar="[PACK]...")
@click.pass_obj
def publish(settings: Settings, names: tuple[str, ...]) -> None:
    """Check and index the drafts of PACKs, of all when none is named, and give them to new calls.

    With a fault in any of them nothing is published, and what was published stays.
    """
    settings.make_data()
    from copilot.assemble import publish as run

    with Bars() as progress:
        console.print(escape(run(settings, names, progress)), highlight=False)


@packs.command()
@click.argument("pack")
@click.argument("version", required=False)
@click.pass_obj
def rollback(settings: Settings, pack: str, version: str | None) -> None:
    """Give new calls an earlier VERSION of PACK, the one before unless it is named.

    It stays so until the pack's folder changes, or `copilot packs publish` is asked for.
    """
    settings.make_data()
    from copilot.assemble import roll_back as run

    with Bars() as progress:
        back = run(settings, pack, version, progress)
    console.print(
        f"new calls get {back.ref}: {escape(back.title)}, {len(back.passages)} passages",
        highlight=False,
    )


@packs.command()
@click.argument("pack")
@click.pass_obj
def retire(settings: Settings, pack: str) -> None:
    """Give new calls PACK no more; its versions are kept, and can be rolled back to."""
    settings.make_data()
    from copilot.retrieval.library import published_in
    from copilot.retrieval.publishing import retire as run

    version = run(pack, published_in(settings))
    console.print(
        f"new calls get {pack} no more; `copilot packs rollback {pack} {version}` brings it back",
        highlight=False,
    )


def _version(settings: Settings, name: str, version: str, published: "Published") -> "Pack":
    from copilot.retrieval import publishing
    from copilot.retrieval.library import drafts_in
    from copilot.retrieval.published import current

    if version == DRAFT:
        console = drafts_in(settings)
        place = console.place if console.has(name) else settings.knowledge.path
        return publishing.draft(place, name)
    history = published.history(publishing.find(name, published))
    if version == PUBLISHED:
        chosen = current(history) or publishing.target(name, None, published)
    else:
        chosen = publishing.named(name, version, published)
    return published.load(name, chosen)


def _label(pack: "Pack", asked: str) -> str:
    return f"{pack.version} ({DRAFT})" if asked == DRAFT else pack.version


def _lines(changes: "Changes") -> Iterator[str]:
    for mark, style, some in (("+", "green", changes.added), ("-", "red", changes.removed)):
        for passage in some:
            yield f"[{style}]{mark} {escape(passage.id)}[/]\n    {escape(passage.title)}"
    for changed in changes.changed:
        yield f"[yellow]~ {escape(changed.passage.id)}[/]"
        for edit in changed.edits:
            for mark, style, text in (("-", "red", edit.old), ("+", "green", edit.new)):
                if text:
                    yield f"    [{style}]{mark} {edit.field}:[/] {escape(text)}"


def _table(*heads: str) -> Table:
    """A head that begins with > is of numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for head in heads:
        number = head.startswith(">")
        table.add_column(head.lstrip(">"), justify="right" if number else "left", overflow="fold")
    return table


def _when(at: str) -> str:
    """``2026-11-26 09:30`` of an ISO time."""
    return at[:16].replace("T", " ")


packs.add_command(check)
