"""The store: keeps reports, tells of them, lets old ones go."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, delete, exc, select, update

from maildns.reports.keeping import Arrival, Receipt
from maildns.reports.store import schema
from maildns.reports.store.engine import open_engine, reading, writing
from maildns.reports.store.evidence import StoredEvidence, StoredMemory, day_number
from maildns.reports.store.preparing import Prepared, prepare
from maildns.reports.store.writing import Batch

BATCH_WEIGHT = 50_000  # rows in a transaction, about
BATCH_ARRIVALS = 2_000
_PRUNED_AT_ONCE = 2_000
_REFUSED = (exc.DataError, exc.IntegrityError, OverflowError, ValueError)


class Store:
    """
    Reports on disk: SQLite at a path, or PostgreSQL at a `postgresql://` URL.

    It is a `Keeper`: whatever `keep` returned a receipt for is committed. Several processes may
    use one store. Opening makes or updates the schema; raises InputError for what is no store, is
    newer than this program or is out of reach.
    """

    def __init__(self, where: str | Path) -> None:
        self._engine = open_engine(where)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def reading(self) -> AbstractContextManager[Connection]:
        """Read one state of the store, for the functions of `queries`."""
        return reading(self._engine)

    @contextmanager
    def evidence(self) -> Iterator[StoredEvidence]:
        """What those who judge ask, of one state of the store."""
        with reading(self._engine) as connection:
            yield StoredEvidence(connection)

    def memory(self) -> StoredMemory:
        """Small texts that are kept beside the reports."""
        return StoredMemory(self._engine)

    def keep(self, arrivals: Iterable[Arrival]) -> list[Receipt]:
        """Keep what *arrivals* hold, in as few transactions as may be; one receipt for each report."""
        return list(self.keep_prepared(map(prepare, arrivals)))

    def keep_prepared(self, arrived: Iterable[Prepared]) -> Iterator[Receipt]:
        """
        Keep what was read before, such as in other processes; a receipt is given once it is safe.

        Nothing is kept of what is not asked for: go to the end.
        """
        for batch in _batches(arrived):
            yield from self._write(batch)

    def _write(self, batch: list[Prepared]) -> list[Receipt]:
        try:
            with _uncollected(), writing(self._engine) as connection:
                return Batch(connection, batch).write()
        except _REFUSED as error:
            if len(batch) > 1:  # one that no table takes, among others: the others are kept
                return [receipt for one in batch for receipt in self._write([one])]
            (one,) = batch
            if not (one.reports or one.failures):
                raise
            fault = f"the store does not take it ({type(error).__name__})"
            return self._write([replace(one, reports=[], failures=[], faults=[*one.faults, fault])])

    def prune(self, older_than: date) -> int:
        """
        Let details of reports go whose day is before *older_than*, and old arrivals in quarantine.

        Daily counts stay, and so do the heads of reports, so that none is ever counted twice.
        Failure reports and what was remembered go whole. Gives the number of reports pruned; the file's room is used again.
        """
        day = day_number(older_than)
        done = 0
        while part := self._prune_some(day):
            done += part
        with writing(self._engine) as connection:
            failures, held = schema.failure_reports, schema.quarantine
            gone = connection.execute(delete(failures).where(failures.c.day < day)).rowcount
            connection.execute(delete(held).where(held.c.received < day * 86400))
            memos = schema.memos
            connection.execute(delete(memos).where(memos.c.at < day * 86400))
        return done + gone

    def _prune_some(self, day: int) -> int:
        heads = schema.reports.c
        old = select(heads.id).where(heads.day < day, heads.pruned == 0).limit(_PRUNED_AT_ONCE)
        with writing(self._engine) as connection:
            ids = list(connection.scalars(old))
            if not ids:
                return 0
            for table in (
                schema.rows,
                schema.evaluations,
                schema.tls_failures,
                schema.tls_policies,
            ):
                connection.execute(delete(table).where(table.c.report.in_(ids)))
            connection.execute(update(schema.reports).where(heads.id.in_(ids)).values(pruned=1))
        return len(ids)

    def forget_bad(self, id: int) -> bool:
        """Take one arrival out of quarantine for good; False when it is not there."""
        table: Any = schema.quarantine
        with writing(self._engine) as connection:
            return connection.execute(delete(table).where(table.c.id == id)).rowcount > 0


@contextmanager
def _uncollected() -> Iterator[None]:
    """Spare the search for cycles: a transaction makes very many tuples, and none in a cycle."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _batches(arrived: Iterable[Prepared]) -> Iterator[list[Prepared]]:
    batch: list[Prepared] = []
    weight = 0
    for one in arrived:
        batch.append(one)
        weight += one.weight
        if weight >= BATCH_WEIGHT or len(batch) >= BATCH_ARRIVALS:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch
