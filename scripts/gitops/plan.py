"""What has to change on the server so that it is as Git says. Pure: values in, values out."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from scripts.gitops.resources import Action, Change, FieldChange, Kind, Live, Plan, Resource

MISSING = object()
ORDER = tuple(Kind)


def make_plan(declared: Iterable[Resource], live: Iterable[Live], owner: str) -> Plan:
    """Every declared resource, and every live one that is ours and no longer declared; nothing else is looked at."""
    wanted = {resource.address: resource for resource in declared}
    found = {thing.address: thing for thing in live}
    changes = [_compare(resource, found.get(address), owner) for address, resource in wanted.items()]
    gone = [thing for address, thing in found.items() if address not in wanted and thing.owner == owner]
    changes += [Change(thing.kind, thing.name, Action.DELETE) for thing in gone]
    return Plan(tuple(sorted(changes, key=lambda change: (ORDER.index(change.kind), change.name))))


def _compare(resource: Resource, live: Live | None, owner: str) -> Change:
    if live is None:
        return _create(resource)
    if live.owner not in (None, owner):
        note = f"it belongs to {live.owner}; remove it there, or give ours another name"
        return Change(resource.kind, resource.name, Action.BLOCKED, note=note)
    carried = carry_switches(resource, live)
    fields = tuple(_diff(live.fields, carried.fields))
    frozen = [change.path for change in fields if (resource.kind, change.path) in IMMUTABLE]
    if frozen:
        note = f"{frozen[0]} cannot change; declare a new {resource.kind} under another name and remove this one"
        return Change(resource.kind, resource.name, Action.BLOCKED, fields, note)
    kept = sorted(path for path in resource.switches if _get(resource.fields, path) != _get(carried.fields, path))
    note = f"turned off by hand, and left so: {', '.join(kept)}" if kept else _note_image(resource)
    action = Action.ADOPT if live.owner is None else Action.UPDATE if fields else Action.UNCHANGED
    return Change(resource.kind, resource.name, action, fields, note)


IMMUTABLE = {(Kind.WORK_POOL, "type")}


def _create(resource: Resource) -> Change:
    if resource.kind is Kind.SECRET:
        note = f"it is missing on the server: gitops secret set {resource.name}"
        return Change(resource.kind, resource.name, Action.BLOCKED, note=note)
    fields = tuple(_diff({}, resource.fields, shallow=True))
    return Change(resource.kind, resource.name, Action.CREATE, fields, _note_image(resource))


def _note_image(resource: Resource) -> str:
    """Apply refuses what a plan on a pull request may well show."""
    unbuilt = resource.image is not None and resource.fields["job_variables"]["image"] == resource.image
    return "its image is not built yet" if unbuilt else ""


def carry_switches(resource: Resource, live: Live) -> Resource:
    """The resource with every switch off that a person has turned off."""
    off = {
        path
        for path in resource.switches
        if path not in live.turned_off and _get(live.fields, path) is False and _get(resource.fields, path) is True
    }
    return replace(resource, fields=_turn_off(resource.fields, off)) if off else resource


def switched_off(resource: Resource) -> frozenset[str]:
    """The switches that are off because Git says so."""
    return frozenset(path for path in resource.switches if _get(resource.fields, path) is False)


def _turn_off(fields: Mapping[str, Any], paths: set[str], prefix: str = "") -> dict[str, Any]:
    return {
        name: False
        if prefix + name in paths
        else _turn_off(value, paths, f"{prefix}{name}.")
        if isinstance(value, Mapping)
        else value
        for name, value in fields.items()
    }


def _get(fields: Mapping[str, Any], path: str) -> Any:
    value: Any = fields
    for name in path.split("."):
        value = value.get(name, MISSING) if isinstance(value, Mapping) else MISSING
    return value


WHOLE = frozenset({"parameters", "parameter_schema", "trigger", "value"})
"""Fields of free content: a key that Git does not name is one too many there. They are compared as one."""


def _diff(
    before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "", *, shallow: bool = False
) -> Iterator[FieldChange]:
    """Fields of `after` that differ; inside a field, what `before` has alone is a difference too."""
    names = list(after) if not prefix else list({**before, **after})
    for name in names:
        old, new = before.get(name, MISSING), after.get(name, MISSING)
        path = prefix + name
        if old == new:
            continue
        deeper = isinstance(old, Mapping) and isinstance(new, Mapping) and name not in WHOLE and not shallow
        if deeper:
            yield from _diff(old, new, f"{path}.")
        else:
            yield FieldChange(path, None if old is MISSING else old, None if new is MISSING else new)
