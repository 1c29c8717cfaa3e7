"""Alembic's entry: the connection, with its lock held, comes from shared.ledger.connection."""

from alembic import context

from shared.ledger.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
