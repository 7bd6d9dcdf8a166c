"""
Many rows in one statement, past SQLAlchemy's unit of one row: for what import writes most.

SQLite takes tuples one after the other at C speed; PostgreSQL takes columns as arrays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, Table

CHUNK = 10_000
_PARAMETERS = 900  # of one statement; older SQLites take 999
ASKED = 500  # values that are asked for in one statement
_T = TypeVar("_T")
_FOLDS = {"+": "sum", "min": "min"}


class Bulk:
    """Writes many rows through *connection*, in its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._cursor: Any = connection.connection.cursor()
        self._arrays = connection.dialect.name == "postgresql"

    def insert(self, table: Table, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert *rows*, with a value for each column."""
        self._write(table, rows, "*", "")

    def upsert(self, table: Table, rows: Iterable[tuple[Any, ...]], folds: dict[str, str]) -> None:
        """
        Insert *rows*; where a key is there already, fold the columns in *folds* by `+` or `min`.

        Everything that is not folded is the key.
        """
        keys = [column.name for column in table.columns if column.name not in folds]
        changed = [
            f"{name} = {table.name}.{name} + excluded.{name}"
            if fold == "+"
            else f"{name} = excluded.{name}"
            for name, fold in folds.items()
        ]
        then = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(changed)}"
        smaller = [
            f"excluded.{name} < {table.name}.{name}"
            for name, fold in folds.items()
            if fold == "min"
        ]
        then += f" WHERE {' OR '.join(smaller)}" if smaller else ""
        chosen = ", ".join(
            f"{_FOLDS[folds[column.name]]}({column.name})" if column.name in folds else column.name
            for column in table.columns
        )
        # PostgreSQL folds within a statement first: it refuses to change a row twice in one.
        self._write(table, rows, chosen, then, f" GROUP BY {', '.join(keys)}")

    def among(
        self, column: Column[Any], values: Iterable[Any], *others: Column[Any]
    ) -> Iterator[tuple[Any, ...]]:
        """Give *column* and *others* of the rows where *column* is one of *values*."""
        table = column.table.name
        chosen = ", ".join(one.name for one in (column, *others))
        start = f"SELECT {chosen} FROM {table} WHERE {column.name}"  # noqa: S608 - names of our own schema
        for asked in _chunks(dict.fromkeys(values), ASKED):
            if self._arrays:
                self._cursor.execute(f"{start} = ANY(%s::{_array(column)})", [list(asked)])
            else:
                self._cursor.execute(f"{start} IN ({', '.join('?' * len(asked))})", asked)
            yield from self._cursor.fetchall()

    def _write(
        self,
        table: Table,
        rows: Iterable[tuple[Any, ...]],
        chosen: str,
        then: str,
        grouped: str = "",
    ) -> None:
        names = ", ".join(column.name for column in table.columns)
        start = f"INSERT INTO {table.name} ({names})"
        if not self._arrays:
            places = ", ".join("?" * len(table.columns))
            most = _PARAMETERS // len(table.columns)
            several = f"{start} VALUES {', '.join([f'({places})'] * most)}{then}"
            for chunk in _chunks(rows, most):
                if len(chunk) == most:  # one statement for many rows
                    self._cursor.execute(several, list(chain.from_iterable(chunk)))
                else:
                    self._cursor.executemany(f"{start} VALUES ({places}){then}", chunk)
            return
        arrays = ", ".join(f"%s::{_array(column)}" for column in table.columns)
        columns = f"unnest({arrays}) AS t ({names})"
        statement = f"{start} SELECT {chosen} FROM {columns}{grouped}{then}"  # noqa: S608 - names of our own schema
        for chunk in _chunks(rows):
            self._cursor.execute(statement, [list(column) for column in zip(*chunk, strict=True)])

    def close(self) -> None:
        """Let go of the cursor; what was written stays in the transaction."""
        self._cursor.close()


def _array(column: Any) -> str:
    if isinstance(column.type, LargeBinary):
        return "bytea[]"
    return "bigint[]" if isinstance(column.type, BigInteger | Integer) else "text[]"


def _chunks(values: Iterable[_T], most: int = CHUNK) -> Iterator[list[_T]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, most)):
        yield chunk
