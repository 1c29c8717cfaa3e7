"""The handful of GitHub's expressions that the workflows use; all others are refused."""

import ast
import re
from typing import Any

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
FUNCTIONS: dict[str, Any] = {
    "always": lambda: True,
    "contains": lambda found, item: item in (found or []),
    "pluck": lambda items, name: [item[name] for item in items or []],
}


class Refused(Exception):  # noqa: N818
    """A workflow says something that is not known here."""


def fill(text: str, context: dict[str, Any]) -> str:
    """A text with its expressions evaluated."""
    return EXPRESSION.sub(lambda found: str(evaluate(found[1], context) or ""), text)


def evaluate(text: str, context: dict[str, Any]) -> Any:
    """`&&`, `||`, `==`, `!=`, `!`, parentheses, texts, contexts, `list.*.name`, contains() and always()."""
    text = re.sub(r"([\w.]+)\.\*\.(\w+)", r"pluck(\1, '\2')", text.strip().removeprefix("${{").removesuffix("}}"))
    text = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or ").replace("\n", " "))
    return _value(ast.parse(text.strip(), mode="eval").body, context)


def _value(node: ast.expr, context: dict[str, Any]) -> Any:  # noqa: PLR0911 - a case for each node
    match node:
        case ast.BoolOp(op, values):
            found = [_value(each, context) for each in values]
            return next((each for each in found if bool(each) is isinstance(op, ast.Or)), found[-1])
        case ast.UnaryOp(ast.Not(), operand):
            return not _value(operand, context)
        case ast.Compare(left, [ast.Eq() | ast.NotEq() as sign], [right]):
            return (_value(left, context) == _value(right, context)) is isinstance(sign, ast.Eq)
        case ast.Call(ast.Name(name), arguments) if name in FUNCTIONS:
            return FUNCTIONS[name](*[_value(each, context) for each in arguments])
        case ast.Attribute(inner, name):
            around = _value(inner, context)
            return around.get(name) if isinstance(around, dict) else None
        case ast.Name("true"):
            return True
        case ast.Name(name) if name in context:
            return context[name]
        case ast.Constant(value):
            return value
    raise Refused(f"expression {ast.unparse(node)}")
