"""Where documents are opened: a fork server and one limited child per document, beside the run's process."""

from shared.sandbox.client import Sandbox
from shared.sandbox.protocol import ChildCrashed, Order, Refusal, Report, SandboxClosed, SandboxLost

__all__ = ["ChildCrashed", "Order", "Refusal", "Report", "Sandbox", "SandboxClosed", "SandboxLost"]
