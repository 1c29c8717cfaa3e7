"""The few calls of GitHub's REST API that CI/CD needs. See https://docs.github.com/rest for their reference."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import httpx

from shared.errors import ConfigError, TransientError

PAGE = 100
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class GitHub:
    """One repository."""

    repository: str
    """`owner/name`."""
    client: httpx.Client

    @classmethod
    def from_environment(cls) -> "GitHub":
        """As Actions sets it: GITHUB_API_URL, GITHUB_REPOSITORY; and GITHUB_TOKEN. Raises ConfigError."""
        missing = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN") if not os.environ.get(name)]
        if missing:
            raise ConfigError(f"{' and '.join(missing)} not set; on a laptop: gh repo view, gh auth token")
        headers = {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
        url = os.environ.get("GITHUB_API_URL", "https://api.github.com")
        client = httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS, follow_redirects=True)
        return cls(os.environ["GITHUB_REPOSITORY"], client)

    def get(self, path: str, **query: Any) -> Any:
        return self._send("GET", path, params=query).json()

    def download(self, path: str, file: IO[bytes], most: int) -> None:
        """Raises ConfigError where it is longer than `most` bytes."""
        try:
            with self.client.stream("GET", f"/repos/{self.repository}{path}") as answer:
                if answer.is_error:
                    raise ConfigError(f"GitHub: GET {path}: {answer.status_code}")
                for block in answer.iter_bytes():
                    file.write(block)
                    if file.tell() > most:
                        raise ConfigError(f"GitHub: GET {path}: more than {most} bytes came; that is no such artifact")
        except httpx.TransportError as error:
            raise TransientError(f"no answer from {self.client.base_url}: {error}") from error

    def post(self, path: str, body: Any) -> Any:
        return self._send("POST", path, json=body).json()

    def patch(self, path: str, body: Any) -> Any:
        return self._send("PATCH", path, json=body).json()

    def delete(self, path: str) -> None:
        """No fault where it is gone already."""
        self._send("DELETE", path, missing_ok=True)

    def pages(self, path: str, key: str | None = None, **query: Any) -> Iterator[Any]:
        """Every item of a list; `key` names it where the answer is an object."""
        number = 1
        while True:
            answer = self.get(path, per_page=PAGE, page=number, **query)
            items = answer[key] if key else answer
            yield from items
            if len(items) < PAGE:
                return
            number += 1

    def _send(self, method: str, path: str, *, missing_ok: bool = False, **more: Any) -> httpx.Response:
        try:
            answer = self.client.request(method, f"/repos/{self.repository}{path}", **more)
        except httpx.TransportError as error:
            raise TransientError(f"no answer from {self.client.base_url}: {error}") from error
        if answer.is_error and not (missing_ok and answer.status_code == 404):
            raise ConfigError(f"GitHub: {method} {path}: {answer.status_code} {answer.text:.500}")
        return answer
