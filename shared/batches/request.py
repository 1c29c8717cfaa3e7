"""What one run is asked to do."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from pydantic import BaseModel

from shared.budgets import Budget
from shared.errors import ConfigError
from shared.workflows import Steps


@dataclass(frozen=True)
class Request:
    """`workflow` is the flow's name (`ocr-intake`); `batch_id` stays the same when the same run starts again."""

    workflow: str
    batch_id: str
    source: Path
    destination: Path
    parameters: BaseModel
    budget: Budget
    max_failed_share: float = 0.5
    """A batch with a larger share of quarantined inputs does not end green; 1 never fails."""
    module: str = ""
    """Where the steps are, if not where one name everywhere puts them."""

    @property
    def steps_module(self) -> str:
        return self.module or steps_module(self.workflow)

    @property
    def steps(self) -> Steps:
        return load_steps(self.steps_module)


def steps_module(workflow: str) -> str:
    """One name everywhere: `ocr-intake` lives in `flows/ocr_intake/steps.py`."""
    return f"flows.{workflow.replace('-', '_')}.steps"


def load_steps(module: str) -> Steps:
    """ConfigError where there is no such module; an import that fails inside it is raised as it is."""
    try:
        return cast("Steps", importlib.import_module(module))
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        raise ConfigError(f"there is no such workflow: {module.replace('.', '/')}.py is missing") from error
