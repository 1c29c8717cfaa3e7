"""The durable record: batches, their inputs, receipts, outputs and leases."""

from shared.ledger.leases import Lease, LeaseLostError
from shared.ledger.ledger import Fenced, Ledger
from shared.ledger.tables import Batch, Input, Output, OutputFile, Receipt

__all__ = ["Batch", "Fenced", "Input", "Lease", "LeaseLostError", "Ledger", "Output", "OutputFile", "Receipt"]
