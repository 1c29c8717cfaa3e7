"""What a registry has, asked by Docker's own program: it knows the credentials, and which registries are insecure."""

import json
import subprocess

from shared.errors import ConfigError

UNKNOWN = ("not found", "manifest unknown", "name unknown")


def find_digest(image: str) -> str | None:
    """Of `repository/name:tag`; None where the registry has no such tag. Raises ConfigError."""
    done = docker("buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", image)
    if done.returncode == 0:
        return str(json.loads(done.stdout)["digest"])
    if any(word in done.stderr.lower() for word in UNKNOWN):
        return None
    raise ConfigError(f"the registry does not tell whether it has {image}: {done.stderr.strip()}")


def docker(*words: str, stdin: bytes | None = None) -> "subprocess.CompletedProcess[str]":
    """Raises ConfigError where there is no such program."""
    try:
        return subprocess.run(
            ["docker", *words],
            input=stdin.decode() if stdin else None,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigError("there is no program docker here; install Docker with buildx") from error


def run_docker(*words: str, stdin: bytes | None = None) -> str:
    """Standard output. Raises ConfigError where it fails."""
    done = docker(*words, stdin=stdin)
    if done.returncode:
        raise ConfigError(f"docker {' '.join(words[:2])} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout
