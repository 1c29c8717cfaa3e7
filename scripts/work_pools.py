"""Work pools and lanes as the root `prefect.yaml` declares them, made real on a server."""

import asyncio
from pathlib import Path
from typing import Annotated

import yaml
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from pydantic import BaseModel, ConfigDict, Field

from shared.settings import ROOT


class Lane(BaseModel):
    """A work queue; the lowest priority number is served first."""

    model_config = ConfigDict(extra="forbid")

    name: str
    priority: Annotated[int, Field(ge=1)]


class WorkPool(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    type: str
    description: str
    lanes: list[Lane]


def read_work_pools(path: Path = ROOT / "prefect.yaml") -> list[WorkPool]:
    """The declared work pools; pydantic's error names a mistyped key."""
    declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [WorkPool.model_validate(pool) for pool in declared["work_pools"]]


def apply_work_pools(pools: list[WorkPool]) -> None:
    """Create what is missing on the server of the current settings; safe to run again."""
    asyncio.run(_apply(pools))


async def _apply(pools: list[WorkPool]) -> None:
    async with get_client() as client:
        for pool in pools:
            await _apply_pool(client, pool)


async def _apply_pool(client: PrefectClient, pool: WorkPool) -> None:
    try:
        await client.read_work_pool(pool.name)
    except ObjectNotFound:
        await client.create_work_pool(WorkPoolCreate(name=pool.name, type=pool.type, description=pool.description))
    queues = {queue.name: queue for queue in await client.read_work_queues(work_pool_name=pool.name)}
    for lane in pool.lanes:
        if lane.name not in queues:
            queues[lane.name] = await client.create_work_queue(lane.name, work_pool_name=pool.name)
    # Creating a queue shifts the priorities of the others, updating does not: so all are set last.
    for lane in pool.lanes:
        await client.update_work_queue(queues[lane.name].id, priority=lane.priority)
