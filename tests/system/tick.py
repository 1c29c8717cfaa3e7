"""The smallest flow that a worker can complete."""

from prefect import flow


@flow
def tick() -> str:
    return "tock"
