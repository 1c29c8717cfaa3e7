"""An order as the steps see it."""

import os

from shared.sandbox.protocol import Order
from shared.tokens import TokenPool
from shared.workflows import Job, Steps


def make_job(steps: Steps, order: Order, pages_pipe: int | None = None, tokens: TokenPool | None = None) -> Job:
    """Without a pipe, nobody hears how many pages are announced; without tokens, there is no further core."""

    def announce(pages: int) -> None:
        if pages_pipe is not None:
            os.write(pages_pipe, f"{pages}\n".encode())

    parameters = steps.Parameters.model_validate(order.parameters)
    take_core = tokens.try_take if tokens is not None else lambda: None
    return Job(order.document, order.scratch, parameters, order.budget, announce, take_core)
