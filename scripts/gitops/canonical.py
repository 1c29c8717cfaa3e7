"""One form for what can be written in several ways, so that equal things compare equal. Prefect's own models decide."""

import json
import uuid
import zoneinfo
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.events.schemas.automations import AutomationCore
from prefect.events.schemas.deployment_triggers import DeploymentTriggerTypes
from prefect.types._datetime import parse_datetime
from pydantic import TypeAdapter

RRULE_START = "DTSTART:20200101T000000\n"
"""What Prefect puts before a rule that states no start."""
REFERENCES = {
    "deployment": "deployment_id",
    "work_pool": "work_pool_id",
    "work_queue": "work_queue_id",
    "automation": "automation_id",
    "block_document": "block_document_id",
}
"""How an action names what it acts on: in Git by name, on the server by id."""
UNORDERED = ("after", "expect", "for_each")
TRIGGERS: TypeAdapter[DeploymentTriggerTypes] = TypeAdapter(DeploymentTriggerTypes)
NAMES = uuid.UUID("6d61696c-726f-6f6d-0000-000000000000")


def canonical_schedule(item: Mapping[str, Any]) -> dict[str, Any]:
    """Of `cron`, `interval` or `rrule` with `timezone`, `anchor_date` and `day_or`. Raises ValueError."""
    if item.get("cron"):
        day_or = {"day_or": item["day_or"]} if item.get("day_or") is not None else {}
        made: dict[str, Any] = CronSchedule(cron=item["cron"], **day_or).model_dump(mode="json")
    elif item.get("interval") is not None:
        made = _canonical_interval(item)
    elif item.get("rrule"):
        made = _canonical_rrule(item["rrule"])
    else:
        raise ValueError("a schedule has one of cron, interval and rrule")
    # The models look for a time zone in all of the system's files, each time anew.
    return {**made, "timezone": _check_zone(item["timezone"])} if item.get("timezone") else made


def find_schedule_fault(item: Mapping[str, Any]) -> str | None:
    """What Prefect's own models have against it."""
    stated = [name for name in ("cron", "interval", "rrule") if item.get(name) is not None]
    if len(stated) != 1:
        return f"a schedule has exactly one of cron, interval and rrule; found {', '.join(stated) or 'none'}"
    try:
        canonical_schedule(item)
    except (ValueError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{stated[0]} {item[stated[0]]!r}: {lines[2] if len(lines) > 2 else lines[0]}"
    return None


@cache
def _check_zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"there is no time zone {name}; write one as Europe/Berlin") from error
    return name


def _canonical_interval(item: Mapping[str, Any]) -> dict[str, Any]:
    interval, anchor = item["interval"], item.get("anchor_date")
    given: dict[str, Any] = {"anchor_date": parse_datetime(str(anchor))} if anchor else {}
    given["interval"] = timedelta(seconds=interval) if isinstance(interval, int | float) else interval
    made = IntervalSchedule(**given)
    start: datetime = made.anchor_date
    return {
        "interval": made.interval.total_seconds(),
        "anchor_date": start.isoformat() if anchor else None,
        "timezone": made.timezone,
    }


def _canonical_rrule(rule: str) -> dict[str, Any]:
    try:
        stated = json.loads(rule)
    except ValueError:
        stated = {"rrule": rule}
    made = RRuleSchedule(**stated)
    return {"rrule": made.rrule.removeprefix(RRULE_START), "timezone": made.timezone}


def canonical_automation(body: Mapping[str, Any]) -> dict[str, Any]:
    """Actions name things; see `REFERENCES`. Raises ValueError (pydantic's)."""
    names: dict[str, str] = {}
    core = AutomationCore.model_validate(_replace_names(dict(body), names)).model_dump(mode="json")
    core.pop("owner_resource", None)
    core.pop("tags", None)
    return {name: _restore_names(_tidy(value), names) for name, value in core.items()}


def canonical_trigger(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A deployment's trigger as the automation that Prefect would make of it, under a name of no meaning."""
    trigger = TRIGGERS.validate_python({"name": "trigger", **spec})
    stand_in = uuid.uuid5(NAMES, "self")
    trigger.set_deployment_id(stand_in)
    body = json.loads(trigger.as_automation().model_dump_json())
    return canonical_automation(_replace(body, {str(stand_in): "self"}))


def find_trigger_keys(spec: Mapping[str, Any]) -> list[str]:
    """What a deployment's trigger of this kind may state."""
    return list(type(TRIGGERS.validate_python({"name": "trigger", **spec})).model_fields)


def _replace(body: Any, names: Mapping[str, str]) -> Any:
    """Ids that stand in for names, in actions only."""
    return {**body, "actions": [name_references(action, {"deployment": names}) for action in body["actions"]]}


def name_references(action: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """An action with `deployment: name` for `deployment_id: id`; an id that nothing here has stays."""
    turned = dict(action)
    for kind, key in REFERENCES.items():
        found = names.get(kind, {}).get(str(turned.get(key)))
        if found is not None:
            turned[kind] = found
            del turned[key]
    return turned


def _replace_names(value: Any, names: dict[str, str]) -> Any:
    """Names become ids, which the models insist on."""
    if isinstance(value, list):
        return [_replace_names(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    turned = {}
    for key, item in value.items():
        if key in REFERENCES and isinstance(item, str) and "type" in value:
            stand_in = str(uuid.uuid5(NAMES, item))
            names[stand_in] = item
            turned[REFERENCES[key]] = stand_in
        else:
            turned[key] = _replace_names(item, names) if key.startswith("actions") or key == "actions" else item
    return turned


def _restore_names(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_restore_names(item, names) for item in value]
    if not isinstance(value, dict):
        return value
    by_kind = dict.fromkeys(REFERENCES, names)
    return name_references({key: _restore_names(item, names) for key, item in value.items()}, by_kind)


def _tidy(value: Any) -> Any:
    """Without the ids of triggers, and with sets in order."""
    if isinstance(value, list):
        return [_tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    is_trigger = "posture" in value or "triggers" in value
    return {
        key: sorted(item) if key in UNORDERED and isinstance(item, list) else _tidy(item)
        for key, item in value.items()
        if not (is_trigger and key == "id")
    }
