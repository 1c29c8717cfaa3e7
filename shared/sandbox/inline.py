"""The steps on one order in this very process: no fork, no limits, and every exception as it is."""

from shared.sandbox.job import make_job
from shared.sandbox.protocol import Order
from shared.workflows import Product, Steps


def run_inline(steps: Steps, order: Order) -> Product:
    """For a debugger: what `work` raises is raised here."""
    job = make_job(steps, order)
    steps.warm(job.parameters)
    return steps.work(job)
