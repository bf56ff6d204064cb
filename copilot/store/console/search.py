"""Past calls by what was said in them and what came of it: SQLite's FTS5, PostgreSQL's tsvector."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    TextClause,
    exists,
    select,
    text,
    tuple_,
)

from copilot.store.console.rows import Wanted
from copilot.store.console.tables import DigestTable, FlagTable, MomentTable
from copilot.store.models import Call, State, Within

SAID = Table("said", MetaData(), Column("rowid", Integer, primary_key=True), Column("words", Text))
"""The full-text index: a virtual table of SQLite, an ordinary one of PostgreSQL."""
TERMS = 12
"""Words and phrases of a search that count."""
_TERM = re.compile(r'"([^"]*)"|(\S+)')
_WORD = re.compile(r"[^\W_]+")


def terms(words: str) -> list[list[str]]:
    """What is looked for: words alone, and the words of each phrase in double quotes."""
    found: list[list[str]] = []
    for phrase, plain in _TERM.findall(words):
        parts = _WORD.findall(phrase or plain)
        found += [parts] if phrase else [[part] for part in parts]
    return [part for part in found if part][:TERMS]


def matching(words: str, dialect: str) -> TextClause:
    """The condition that all terms were said; a single word may be the beginning of one."""
    asked = terms(words)
    if dialect == "sqlite":
        query = " AND ".join(f'"{" ".join(one)}"' + "*" * (len(one) == 1) for one in asked)
        return text("said match :terms").bindparams(terms=query)
    query = " & ".join(f"({' <-> '.join(one)})" if one[1:] else f"{one[0]}:*" for one in asked)
    return text("said.found @@ to_tsquery('simple', :terms)").bindparams(terms=query)


def finding(wanted: Wanted, within: Within, dialect: str, limit: int) -> Select[Any]:
    """The newest past calls that are wanted, within what may be known of."""
    query = select(*Call.__table__.columns).where(*within.clauses(), Call.state != State.LIVE)
    if terms(wanted.words):
        query = query.join(DigestTable, DigestTable.call_id == Call.call_id)
        query = query.join(SAID, SAID.c.rowid == DigestTable.id)
        query = query.where(matching(wanted.words, dialect))
    query = query.where(*_facets(wanted))
    return query.order_by(Call.started_at.desc(), Call.call_id.desc()).limit(limit)


def _facets(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    if wanted.pack:
        # A pack's name holds none of the characters that LIKE or JSON would read otherwise.
        yield Call.packs.contains(f'"{wanted.pack}@', autoescape=True)
    if wanted.state:
        yield Call.state == wanted.state
    if wanted.person_id:
        yield Call.person_id == wanted.person_id
    if wanted.since is not None:
        yield Call.started_at >= wanted.since
    if wanted.until is not None:
        yield Call.started_at < wanted.until
    for column, value in ((MomentTable.silence, wanted.silence), (MomentTable.use, wanted.use)):
        if value:
            yield exists().where(MomentTable.call_id == Call.call_id, column == value)
    if wanted.flagged:
        yield exists().where(FlagTable.call_id == Call.call_id)
    if wanted.before:
        last = select(Call.started_at, Call.call_id).where(Call.call_id == wanted.before)
        yield tuple_(Call.started_at, Call.call_id) < last.scalar_subquery()
