"""The plan is pure: a table of cases, each replayed on its own result, and what holds for all of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from scripts.gitops.plan import carry_switches, make_plan, switched_off
from scripts.gitops.printing import cell, describe, render_json, render_markdown
from scripts.gitops.resources import Action, Change, Kind, Live, Plan, Resource

OWNER = "ours"
CASES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text(encoding="utf-8"))


def read_declared(case: Mapping[str, Any], key: str = "declared") -> list[Resource]:
    switches = frozenset(case.get("switches", ()))
    return [
        Resource(Kind(kind), name, fields, switches)
        for kind, things in case[key].items()
        for name, fields in things.items()
    ]


def read_live(case: Mapping[str, Any]) -> list[Live]:
    return [
        _read_thing(Kind(kind), name, dict(stated))
        for kind, things in case["live"].items()
        for name, stated in things.items()
    ]


def _read_thing(kind: Kind, name: str, stated: dict[str, Any]) -> Live:
    owner = stated.pop("owner", OWNER)
    off = frozenset(stated.pop("turned_off", ()))
    return Live(kind, name, stated, owner=None if owner == "nobody" else owner, turned_off=off)


def tell(change: Change) -> str:
    fields = ", ".join(
        f"{field.path} {describe(field)}" for field in (change.fields if change.action is not Action.CREATE else ())
    )
    return f"{change.action} {change.kind} {change.name}" + (f": {fields}" if fields else "")


def carry_out(plan: Plan, declared: Iterable[Resource], live: Iterable[Live]) -> list[Live]:
    """What a server would have afterwards."""
    wanted = {resource.address: resource for resource in declared}
    after = {thing.address: thing for thing in live}
    for change in plan.pending:
        if change.action is Action.DELETE:
            del after[change.address]
        elif change.action is not Action.BLOCKED:
            resource = wanted[change.address]
            was = after.get(change.address, Live(change.kind, change.name))
            fields = {**was.fields, **carry_switches(resource, was).fields}
            after[change.address] = replace(was, fields=fields, owner=OWNER, turned_off=switched_off(resource))
    return list(after.values())


@pytest.mark.parametrize("title", CASES)
def test_case(title: str) -> None:
    """The plan is as the table says, and empty when it was carried out."""
    case = CASES[title]
    declared, live = read_declared(case), read_live(case)
    plan = make_plan(declared, live, OWNER)
    assert [tell(change) for change in plan.pending] == case["plan"]
    after = carry_out(plan, declared, live)
    again = make_plan(declared, after, OWNER).pending
    assert [change for change in again if change.action is not Action.BLOCKED] == []
    for resource in read_declared(case, "after") if "after" in case else ():
        assert {thing.address: thing.fields for thing in after}[resource.address] == resource.fields


names = st.sampled_from(["a", "b", "c"])
kinds = st.sampled_from([kind for kind in Kind if kind is not Kind.SECRET])
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3), lambda inner: st.dictionaries(names, inner, max_size=3)
)
fields = st.dictionaries(names, values, max_size=4)
addresses = st.tuples(kinds, names)
switches = st.frozensets(names, max_size=2)
declarations = st.dictionaries(addresses, st.tuples(fields, switches)).map(
    lambda found: [Resource(*address, *stated) for address, stated in found.items()]
)
servers = st.dictionaries(addresses, st.tuples(fields, st.sampled_from([OWNER, None, "theirs"]), switches)).map(
    lambda found: [
        Live(*address, stated, owner=owner, turned_off=off) for address, (stated, owner, off) in found.items()
    ]
)


@given(declarations, servers)
def test_a_plan_that_was_carried_out_is_empty(declared: list[Resource], live: list[Live]) -> None:
    """Whatever is declared and live: apply(plan(x)) leaves nothing to do but what is blocked."""
    after = carry_out(make_plan(declared, live, OWNER), declared, live)
    left = make_plan(declared, after, OWNER).pending
    assert {change.action for change in left} <= {Action.BLOCKED}


@given(declarations, servers)
def test_a_plan_never_lists_what_is_not_owned(declared: list[Resource], live: list[Live]) -> None:
    """Only what is declared, or ours; and nothing of others is changed."""
    plan = make_plan(declared, live, OWNER)
    wanted = {resource.address for resource in declared}
    owners = {thing.address: thing.owner for thing in live}
    for change in plan.changes:
        assert change.address in wanted or owners[change.address] == OWNER
        if owners.get(change.address) == "theirs":
            assert change.action is Action.BLOCKED
    strangers = [thing for thing in live if thing.owner == "theirs"]
    assert all(thing in carry_out(plan, declared, live) for thing in strangers)


@given(declarations, servers)
def test_a_plan_does_not_depend_on_order(declared: list[Resource], live: list[Live]) -> None:
    """The same plan, however the server lists its things."""
    assert make_plan(declared, live, OWNER) == make_plan(declared[::-1], live[::-1], OWNER)


@given(declarations, servers)
def test_every_plan_can_be_printed(declared: list[Resource], live: list[Live]) -> None:
    """As Markdown and as JSON."""
    plan = make_plan(declared, live, OWNER)
    assert render_markdown(plan, "Plan").startswith("### Plan")
    assert '"changes"' in render_json(plan)


def test_names_cannot_break_out_of_the_comment() -> None:
    """A pull request chooses names: they stay text."""
    hostile = Resource(Kind.VARIABLE, "x | <img src=a> `y` @everyone\n# big", {"value": 1})
    text = render_markdown(make_plan([hostile], [], OWNER), "Plan")
    row = next(line for line in text.splitlines() if "create" in line and line.startswith("|"))
    assert "<img" not in text
    assert "@everyone" not in text
    assert row.count("|") - row.count("\\|") == 5


@pytest.mark.parametrize("text", ["a|b", "a\\|b", "a\\\\|b", "a\r\nb", "a\u2028b", "`a`", "<img>", "@everyone"])
def test_a_strangers_text_stays_in_its_cell(text: str) -> None:
    """No bar ends it, no line end, and nothing of it is markup or calls anyone."""
    made = cell(text)
    assert all(len(before) % 2 for before in re.findall(r"(\\*)\|", made))
    assert not re.search(r"[\x00-\x1f\u2028`<]|@\w", made)
