"""Which modules of `shared/` a workflow needs: grimp's graph of it, entered by what the workflow's files import."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from shared.errors import ConfigError

SHARED = "shared"
UTF8 = {**os.environ, "PYTHONUTF8": "1"}
"""File names are read alike whatever the locale."""


def read_closures(root: Path) -> dict[str, frozenset[str]]:
    """Module of `shared` -> itself, all that it imports, directly or not, and the packages they lie in.

    In a process of its own: grimp finds packages as Python does, and here `shared` is the one of this checkout.
    """
    command = [sys.executable, "-m", "scripts.gitops.shared_graph", str(root)]
    own = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(command, cwd=own, capture_output=True, encoding="utf-8", env=UTF8, check=False)
    if done.returncode:
        raise ConfigError(f"the imports of {root / SHARED} cannot be read: {done.stderr.strip().splitlines()[-1]}")
    closures: dict[str, list[str]] = json.loads(done.stdout)
    return {module: _add_packages({module, *found}) for module, found in closures.items()}


def _add_packages(modules: set[str]) -> frozenset[str]:
    """Importing a module runs the `__init__.py` of every package around it, and what those import."""
    return frozenset(modules | {parent for module in modules for parent in _parents(module)})


def _parents(module: str) -> Iterator[str]:
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def find_needed(file: Path, text: str, closures: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Modules of `shared` that a file of a workflow needs. Raises ConfigError where the file is no Python."""
    try:
        tree = ast.parse(text, filename=str(file))
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"{file}:{getattr(error, 'lineno', None) or 1}: no valid Python: {error}") from error
    entered = {name for name in _imported(tree) if name in closures}
    entered |= {parent for name in entered for parent in _parents(name)}
    return frozenset().union(*(closures[name] for name in entered)) if entered else frozenset()


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _find_named(root: Path, modules: Collection[str]) -> Iterator[tuple[str, str]]:
    """Modules that another one names in a text, to be started by `python -m`."""
    for module in modules:
        place = root / module.replace(".", "/")
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            named = node.value if isinstance(node, ast.Constant) else None
            if isinstance(named, str) and named != module and named in modules:
                yield module, named


def main(root: str) -> None:
    import grimp  # noqa: PLC0415 - only in the process that is made for it

    for name in [name for name in sys.modules if name.partition(".")[0] == SHARED]:
        del sys.modules[name]  # Ours: grimp would take it for theirs.
    sys.path.insert(0, root)
    graph = grimp.build_graph(SHARED, cache_dir=None)
    for module, named in _find_named(Path(root), graph.modules):
        graph.add_import(importer=module, imported=named)
    # What a package's `__init__.py` imports comes along with each of its modules.
    closures = {}
    for module in graph.modules:
        around = [module, *_parents(module)]
        closures[module] = sorted(set(around).union(*(graph.find_upstream_modules(name) for name in around)))
    print(json.dumps(closures))


if __name__ == "__main__":
    main(sys.argv[1])
