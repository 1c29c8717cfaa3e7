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
    source: Annotated[str, Field(description="Folder (or one file) to read; it is never written to")],
    destination: Annotated[str, Field(description="Folder for the outputs; paths below it mirror the source")],
    settings: Annotated[Parameters, Field(description="How pages are read")] = Parameters(),  # noqa: B008 - frozen
    budget: Annotated[Budget, Field(description="What one document may cost")] = Budget(),  # noqa: B008 - frozen
    max_failed_share: Annotated[
        float, Field(ge=0, le=1, description="A larger share of quarantined inputs makes the run fail")
    ] = 0.5,
    dry_run: Annotated[bool, Field(description="Only look, and forecast pages, core-seconds and minutes")] = False,
) -> State[Any]:
    """Read every document of a folder and publish a searchable PDF/A, its text and a receipt."""
    request = Request(
        workflow="ocr-intake",
        batch_id=str(runtime.flow_run.id),
        source=Path(source),
        destination=Path(destination),
        parameters=settings,
        budget=budget,
        max_failed_share=max_failed_share,
    )
    return forecast_batch(request) if dry_run else run_batch(request)
