"""How Alembic reaches the store: by the connection, and in the transaction, of `engine`."""

from __future__ import annotations

from alembic import context

from maildns.reports.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's is; Alembic doubts it
)
with context.begin_transaction():
    context.run_migrations()
