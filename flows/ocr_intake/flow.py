"""ocr-intake: scans in, searchable PDF/A out, every input accounted for."""

from pathlib import Path
from typing import Annotated, Any

from prefect import flow, runtime
from prefect.client.schemas.objects import State
from pydantic import Field

from flows.ocr_intake.steps import Parameters
from shared.batches.orchestration import forecast_batch, run_batch
from shared.batches.request import Request
from shared.budgets import Budget


@flow
def ocr_intake(
    source: str,
    destination: str,
    settings: Parameters = Parameters(),  # noqa: B008 - frozen
    budget: Budget = Budget(),  # noqa: B008 - frozen
    max_failed_share: Annotated[float, Field(ge=0, le=1)] = 0.5,
    dry_run: bool = False,  # noqa: FBT001, FBT002 - Prefect passes parameters by name
) -> State[Any]:
    """Read every document of a folder and publish a searchable PDF/A, its text and a receipt.

    Args:
        source: Folder (or one file) to read, as the worker sees it. It is never written to.
        destination: Folder for the outputs; paths below it mirror the source. New, or used by Mailroom before.
        settings: How pages are read.
        budget: What one document may cost before it is quarantined.
        max_failed_share: From 0 to 1. A larger share of quarantined inputs makes the run fail.
        dry_run: Only look, and forecast pages, core-seconds and minutes.
    """
    request = Request(
        workflow="ocr-intake",
        batch_id=str(runtime.flow_run.id),
        # A child works in a folder of its own.
        source=Path(source).absolute(),
        destination=Path(destination).absolute(),
        parameters=settings,
        budget=budget,
        max_failed_share=max_failed_share,
    )
    return forecast_batch(request) if dry_run else run_batch(request)
