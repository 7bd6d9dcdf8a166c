"""The store of reports in PostgreSQL: what any store promises."""

from __future__ import annotations

import itertools

import postgresql_server
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from store_contract import StoreContract

from maildns.reports.store import Store, schema

pytestmark = pytest.mark.server
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server():
    with postgresql_server.running() as folder:
        yield folder


@pytest.fixture
def where(server):
    with postgresql_server.database(server, f"reports_{next(NUMBERS)}") as url:
        yield url


class TestPostgresql(StoreContract):
    pass


def test_the_versions_lead_to_the_schema(where):
    with Store(where) as store, store.reading() as reader:
        assert compare_metadata(MigrationContext.configure(reader), schema.metadata) == []
