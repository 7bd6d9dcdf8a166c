"""
Rows of aggregate reports, out of the store: CSV, JSON lines or Parquet, in bounded memory.

One row of the output is one row of a report, with what the report says of itself beside it. CSV is
as RFC 4180 has it; in it lists are JSON, and a text that a spreadsheet would take for a formula is
written after a single quote.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from importlib import import_module
from io import StringIO
from itertools import chain, islice
from typing import Any, BinaryIO

from sqlalchemy import Connection, and_, select

from maildns.errors import UsageError
from maildns.reports.model import ReportKind
from maildns.reports.store import schema
from maildns.reports.store.evidence import counted, moment
from maildns.reports.views import Window

_AT_ONCE = 5_000
_GROUP = 50_000  # rows in a row group of Parquet
_LISTS = ("dkim", "spf", "overrides")
_TIMES = ("begin", "end")
_PARTS = {
    "dkim": ("domain", "selector", "result"),
    "spf": ("domain", "scope", "result"),
    "overrides": ("type", "comment"),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class ExportFormat(StrEnum):
    """What rows are written as."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


COLUMNS = (
    "domain",
    "begin",
    "end",
    "reporter",
    "report_id",
    "source_ip",
    "messages",
    "disposition",
    "dkim_aligned",
    "spf_aligned",
    "header_from",
    "envelope_from",
    "envelope_to",
    "dkim",
    "spf",
    "overrides",
)


def export_rows(
    connection: Connection,
    window: Window,
    format: ExportFormat,
    out: BinaryIO,
    domain: str = "",
) -> int:
    """
    Write the rows of all reports in *window* that count, of *domain* or of all; give how many.

    Raises UsageError where Parquet is asked for and pyarrow is not installed.
    """
    rows = _rows(connection, window, domain)
    if format is ExportFormat.CSV:
        return _csv(rows, out)
    return _json_lines(rows, out) if format is ExportFormat.JSON_LINES else _parquet(rows, out)


def _rows(connection: Connection, window: Window, domain: str) -> Iterator[dict[str, Any]]:
    heads, rows, kinds = schema.reports.c, schema.rows.c, schema.evaluations.c
    query = (
        select(
            schema.domains.c.name,
            heads.begins,
            heads.ends,
            heads.reporter,
            heads.report_id,
            rows.source_ip,
            rows.messages,
            kinds.disposition,
            kinds.dkim_aligned,
            kinds.spf_aligned,
            kinds.header_from,
            kinds.envelope_from,
            kinds.envelope_to,
            kinds.dkim,
            kinds.spf,
            kinds.overrides,
        )
        .join_from(schema.domains, schema.reports, heads.domain == schema.domains.c.id)
        .join(schema.rows, rows.report == heads.id)
        .join(schema.evaluations, and_(kinds.report == heads.id, kinds.number == rows.evaluation))
        .where(*counted(ReportKind.AGGREGATE, window, domain))
        .order_by(heads.domain, heads.day)
    )
    for row in connection.execute(query, execution_options={"yield_per": _AT_ONCE}):
        told = dict(zip(COLUMNS, row, strict=True))
        told["begin"], told["end"] = moment(told["begin"]), moment(told["end"])
        told["dkim_aligned"] = bool(told["dkim_aligned"])
        told["spf_aligned"] = bool(told["spf_aligned"])
        for name, parts in _PARTS.items():
            listed = json.loads(told[name]) if told[name] else []
            told[name] = [dict(zip(parts, one, strict=False)) for one in listed]
        yield told


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{name: row[name].strftime("%Y-%m-%dT%H:%M:%SZ") for name in _TIMES}}


def _csv(rows: Iterator[dict[str, Any]], out: BinaryIO) -> int:
    count = 0
    line = StringIO(newline="")
    writer = csv.writer(line)
    for values in chain([COLUMNS], (_cells(row) for row in rows)):
        writer.writerow(values)
        out.write(line.getvalue().encode("utf-8", "replace"))
        line.seek(0)
        line.truncate()
        count += 1
    return count - 1


def _cells(row: dict[str, Any]) -> Sequence[Any]:
    cells = []
    for name, value in _plain(row).items():
        cell = json.dumps(value) if name in _LISTS else value
        if isinstance(cell, bool):
            cell = "pass" if cell else "fail"
        # A reporter's text must not become a formula in whoever's spreadsheet.
        cells.append(f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell)
    return cells


def _json_lines(rows: Iterator[dict[str, Any]], out: BinaryIO) -> int:
    count = 0
    for row in rows:
        out.write(json.dumps(_plain(row)).encode() + b"\n")
        count += 1
    return count


def _parquet(rows: Iterator[dict[str, Any]], out: BinaryIO) -> int:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Parquet needs {error.name}, which is not installed",
            hint="pip install 'maildns[parquet]', or export to csv or jsonl",
        ) from error
    shape = _arrow_schema(arrow)
    count = 0
    with parquet.ParquetWriter(out, shape, compression="zstd") as writer:
        while group := list(islice(rows, _GROUP)):
            writer.write_table(arrow.Table.from_pylist(group, schema=shape))
            count += len(group)
    return count


def _arrow_schema(arrow: Any) -> Any:
    special = {
        "messages": arrow.int64(),
        "dkim_aligned": arrow.bool_(),
        "spf_aligned": arrow.bool_(),
        **dict.fromkeys(_TIMES, arrow.timestamp("s", tz="UTC")),
    }
    for name, parts in _PARTS.items():
        special[name] = arrow.list_(arrow.struct([(part, arrow.string()) for part in parts]))
    return arrow.schema([(name, special.get(name, arrow.string())) for name in COLUMNS])
