from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from scripts.work_pools import read_work_pools
from shared.settings import ROOT


def test_lanes_that_are_used_are_declared() -> None:
    """A mistyped lane would silently create a queue that outranks others."""
    lanes = {(pool.name, lane.name) for pool in read_work_pools() for lane in pool.lanes}
    for path in (ROOT / "flows").glob("*/prefect.yaml"):
        for deployment in yaml.safe_load(path.read_text())["deployments"]:
            pool = deployment["work_pool"]
            assert (pool["name"], pool["work_queue_name"]) in lanes


def test_urgent_work_comes_first() -> None:
    """No two lanes of a pool share a priority, and the urgent one has the best."""
    for pool in read_work_pools():
        ordered = sorted(pool.lanes, key=lambda lane: lane.priority)
        assert ordered[0].name == "urgent"
        assert len({lane.priority for lane in pool.lanes}) == len(pool.lanes)


def test_a_mistyped_key_is_refused(tmp_path: Path) -> None:
    """Where Prefect would ignore it, we do not."""
    path = tmp_path / "prefect.yaml"
    path.write_text("work_pools: [{name: p, type: process, description: d, lanes: [{name: a, priorty: 1}]}]")
    with pytest.raises(ValidationError, match="priorty"):
        read_work_pools(path)
