"""Where documents are opened: a fork server and one limited child per document, beside the run's process.

What it promises holds for programs that stay in their child's process group, or whose parent lives; one that has left
both is killed by the server, and outlives a server that is killed at that moment. It limits and isolates faults; it is
no jail: a child runs as the run's user, with its network and files.
"""

from shared.sandbox.client import Sandbox
from shared.sandbox.protocol import ChildCrashed, Order, Refusal, Report, SandboxClosed, SandboxLost

__all__ = ["ChildCrashed", "Order", "Refusal", "Report", "Sandbox", "SandboxClosed", "SandboxLost"]
