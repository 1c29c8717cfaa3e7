"""The parts list of an image (CycloneDX): Python packages as `uv.lock` has them, Debian packages as dpkg has them.

It is pushed beside the image, as the only file of an image of its own: `repository/workflow:version-sbom`.
"""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from scripts.gitops.registry import run_docker
from shared.errors import ConfigError

SUFFIX = "-sbom"
FILE = "sbom.cdx.json"
DPKG = ("dpkg-query", "--show", "--showformat", "${Package} ${Version} ${Architecture}\\n")


def write_sbom(root: Path, workflow: str, image: str, *, push: bool) -> dict[str, Any]:
    """The document. Raises ConfigError."""
    document = _read_python_packages(root, workflow)
    document["components"] += [_describe(line) for line in _read_debian_packages(image)]
    document["metadata"]["component"] = {"type": "container", "name": image, "bom-ref": image}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, FILE).write_text(json.dumps(document, indent=1, sort_keys=True), encoding="utf-8")
        Path(folder, "Dockerfile").write_text(f"FROM scratch\nCOPY {FILE} /\n", encoding="utf-8")
        run_docker("buildx", "build", "--quiet", "--tag", image + SUFFIX, folder)
    if push:
        run_docker("push", "--quiet", image + SUFFIX)
    return document


def _read_python_packages(root: Path, workflow: str) -> dict[str, Any]:
    command = ["uv", "export", "--project", str(root), "--quiet", "--locked", "--format", "cyclonedx1.5"]
    command += ["--preview-features", "sbom-export", "--no-default-groups", "--group", workflow]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(f"uv export failed: {done.stderr.strip()}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _read_debian_packages(image: str) -> list[str]:
    return run_docker("run", "--rm", "--network=none", image, *DPKG).splitlines()


def _describe(line: str) -> dict[str, str]:
    name, version, architecture = line.split(" ")
    url = f"pkg:deb/debian/{name}@{version}?arch={architecture}"
    return {"type": "library", "name": name, "version": version, "purl": url, "bom-ref": url}
