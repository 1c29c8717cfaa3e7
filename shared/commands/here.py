"""`batch run WORKFLOW --here FILE`: the steps on one file in this very process, for a breakpoint or a traceback."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, create_model
from rich.console import Console
from rich.markup import escape

from shared.batches.request import load_steps, steps_module
from shared.budgets import Budget
from shared.commands.parameters import parse_settings
from shared.errors import ConfigError
from shared.publishing import output_path
from shared.sandbox import Order
from shared.sandbox.inline import run_inline

console = Console(highlight=False)


def run_here(workflow: str, document: Path, destination: Path, settings: list[str]) -> None:
    """Nothing is forked, limited, retried or recorded; whatever the steps raise is raised."""
    if not document.is_file():
        raise ConfigError(f"--here {document}: there is no such file")
    steps = load_steps(steps_module(workflow))
    chosen = _parse(steps.Parameters, settings)
    destination.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination, prefix=".mailroom-here-") as scratch:
        order = Order(
            "work", document.resolve(), Path(scratch), chosen["settings"].model_dump(mode="json"), chosen["budget"]
        )
        product = run_inline(steps, order)
        for role, name in product.files.items():
            target = destination / output_path(document.name, role)
            shutil.copyfile(Path(scratch) / name, target)
            console.print(f"{role}: {target}")
    judgement = steps.judge(product.facts, chosen["settings"])
    console.print(f"[bold]{judgement.outcome}[/] {judgement.reason or ''} {escape(judgement.found)}".strip())
    console.print_json(data={**product.facts, "findings": [vars(finding) for finding in product.findings]})


def _parse(parameters: type[BaseModel], settings: list[str]) -> dict[str, Any]:
    both = create_model("Both", settings=(parameters, parameters()), budget=(Budget, Budget()))
    try:
        chosen = both.model_validate(parse_settings(settings, both.model_json_schema()))
    except ValidationError as error:
        raise ConfigError(f"--set: {error}") from error
    return {name: getattr(chosen, name) for name in ("settings", "budget")}
