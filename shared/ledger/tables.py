"""The ledger's tables. What became of every input of every batch is here, and only here."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, ForeignKeyConstraint, Index, Integer, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedAsDataclass, mapped_column


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy declares it as an instance's
        dict[str, Any]: JSON,
        list[Any]: JSON,
        datetime: DateTime(timezone=True),
        int: BigInteger().with_variant(Integer, "sqlite"),  # SQLite numbers rows by itself for INTEGER alone.
    }


class Batch(Base):
    """One intake. `id` is the flow run's, so that a flow run started again goes on with its own batch."""

    __tablename__ = "batches"

    id: Mapped[str] = mapped_column(primary_key=True)
    workflow: Mapped[str]
    source: Mapped[str]
    destination: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    dry_run: Mapped[bool] = mapped_column(default=False)
    ignored: Mapped[int] = mapped_column(default=0)
    forecast: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    wall_seconds: Mapped[float] = mapped_column(default=0.0)
    core_seconds: Mapped[float] = mapped_column(default=0.0)
    fixed_core_seconds: Mapped[float] = mapped_column(default=0.0)


class Receipt(Base):
    """What became of one document under the conditions that its result depends on: one row, never two."""

    __tablename__ = "receipts"
    __table_args__ = (UniqueConstraint("workflow", "digest", "result_key"),)

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    workflow: Mapped[str]
    digest: Mapped[str]
    result_key: Mapped[str]
    depends_on: Mapped[dict[str, Any]]
    outcome: Mapped[str]
    reason: Mapped[str | None]
    found: Mapped[str]
    facts: Mapped[dict[str, Any]]
    findings: Mapped[list[Any]]
    engines: Mapped[dict[str, Any]]
    core_seconds: Mapped[float]
    wall_seconds: Mapped[float]
    peak_bytes: Mapped[int]
    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"))
    fence: Mapped[int]
    created_at: Mapped[datetime]


class Input(Base):
    """One location of a batch. `outcome` is empty until it is settled, and then never changes within the batch."""

    __tablename__ = "inputs"
    __table_args__ = (Index("inputs_by_outcome", "batch_id", "outcome"),)

    batch_id: Mapped[str] = mapped_column(ForeignKey("batches.id"), primary_key=True)
    location: Mapped[str] = mapped_column(primary_key=True)
    size: Mapped[int]
    mtime_ns: Mapped[int]
    digest: Mapped[str | None]
    outcome: Mapped[str | None] = mapped_column(default=None)
    reason: Mapped[str | None] = mapped_column(default=None)
    found: Mapped[str] = mapped_column(default="")
    first_location: Mapped[str | None] = mapped_column(default=None)
    receipt_id: Mapped[int | None] = mapped_column(ForeignKey("receipts.id"), default=None)
    reused: Mapped[bool] = mapped_column(default=False)


class Output(Base):
    """What stands at the destination for one input, and the receipt it belongs to."""

    __tablename__ = "outputs"

    workflow: Mapped[str] = mapped_column(primary_key=True)
    destination: Mapped[str] = mapped_column(primary_key=True)
    location: Mapped[str] = mapped_column(primary_key=True)
    receipt_id: Mapped[int] = mapped_column(ForeignKey("receipts.id"), index=True)
    fence: Mapped[int]
    published_at: Mapped[datetime]


class OutputFile(Base):
    """One published file. The key forbids that two inputs publish to one path."""

    __tablename__ = "output_files"
    __table_args__ = (
        ForeignKeyConstraint(
            ["workflow", "destination", "location"],
            ["outputs.workflow", "outputs.destination", "outputs.location"],
            ondelete="CASCADE",
        ),
        Index("output_files_by_input", "workflow", "destination", "location"),
    )

    destination: Mapped[str] = mapped_column(primary_key=True)
    path: Mapped[str] = mapped_column(primary_key=True)
    workflow: Mapped[str]
    location: Mapped[str]
    role: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]


class LeaseRow(Base):
    """The right of one run to publish for a workflow into a destination. `fence` only ever grows."""

    __tablename__ = "leases"

    workflow: Mapped[str] = mapped_column(primary_key=True)
    destination: Mapped[str] = mapped_column(primary_key=True)
    owner: Mapped[str]
    fence: Mapped[int]
    expires_epoch_seconds: Mapped[float]
