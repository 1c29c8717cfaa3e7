"""Base images by digest: what the registry says, and nothing that it does not."""

import re
import subprocess

import pytest

from tests.documented import Terminal, copy_repository

pytestmark = pytest.mark.slow

BASE = "python:3.13-slim-trixie"
REDIS = "redis:8-trixie"


def test_a_base_image_is_pinned(registry: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """By the digest of its very tag; again changes nothing, and the Dockerfile still builds."""
    person = Terminal(copy_repository(tmp_path_factory.mktemp("pins") / "mailroom"))
    told = person.run("scripts/pin --mirror HOST IMAGE", HOST=registry, IMAGE=f"{BASE} {REDIS}")
    digest = re.search(rf"^{BASE}  (sha256:[0-9a-f]{{64}})$", told, re.MULTILINE)
    assert digest
    assert f"FROM {BASE}@{digest[1]} AS base\n" in (person.root / "Dockerfile").read_text()
    compose = (person.root / "infrastructure/compose.yaml").read_text()
    assert re.search(rf"image: {REDIS}@sha256:[0-9a-f]{{64}}\n", compose)
    assert "image: postgres:17-trixie\n" in compose
    changed = person.run("git diff")
    person.run(f"scripts/pin --mirror {registry} {BASE}")
    assert person.run("git diff") == changed
    build = ["docker", "buildx", "build", "--quiet", "--target", "base", str(person.root)]
    subprocess.run(build, check=True, capture_output=True)


def test_what_no_registry_knows_stays_as_it_is(registry: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """And is told."""
    person = Terminal(copy_repository(tmp_path_factory.mktemp("pins") / "mailroom"))
    recipe = person.root / "Dockerfile"
    recipe.write_text(recipe.read_text().replace(BASE, "nobody/has:this"))
    before = recipe.read_text()
    assert "no registry that is reached" in person.run(f"scripts/pin --mirror {registry} nobody/has:this", code=1)
    assert recipe.read_text() == before
    assert "is named in none of" in person.run(f"scripts/pin --mirror {registry} other:1", code=1)
