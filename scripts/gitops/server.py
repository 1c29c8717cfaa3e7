"""The Prefect server, as JSON: what it is asked, and what its refusals mean for the person at the keyboard."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.settings import get_current_settings

from shared.errors import ConfigError, TransientError

PAGE = 200
"""The most that one answer of the server holds."""
OLDEST = (3, 8)


class Server:
    """Raises ConfigError and TransientError, named after what a person can do about them."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self._client = client
        self.url = str(client.api_url)

    def get(self, path: str) -> Any:
        return self._send("GET", path)

    def find(self, path: str) -> Any | None:
        """None where there is no such thing."""
        try:
            return self._send("GET", path)
        except Missing:
            return None

    def post(self, path: str, body: Any) -> Any:
        return self._send("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        return self._send("PATCH", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self._send("PUT", path, body)

    def delete(self, path: str) -> bool:
        """False where it was gone already."""
        try:
            self._send("DELETE", path)
        except Missing:
            return False
        return True

    def environment(self) -> dict[str, str]:
        """For a program that is to reach the same server with the same credentials."""
        return get_current_settings().to_environment_variables(exclude_unset=True)

    def now(self) -> datetime:
        """The server's clock, in whole seconds."""
        return parsedate_to_datetime(self._answer("GET", "/health").headers["date"])

    def list(self, path: str, **body: Any) -> list[Any]:
        """All pages of a filter."""
        found: list[Any] = []
        while True:
            page = self.post(path, {"limit": PAGE, "offset": len(found), **body})
            found += page
            if len(page) < PAGE:
                return found

    def _send(self, method: Any, path: Any, body: Any = None) -> Any:
        answer = self._answer(method, path, body)
        return answer.json() if answer.content else None

    def _answer(self, method: Any, path: Any, body: Any = None) -> httpx.Response:
        try:
            return self._client.request(method, path, **({} if body is None else {"json": body}))
        except PrefectHTTPStatusError as error:
            raise _explain(error, self.url, method, path) from error
        except httpx.TransportError as error:
            raise TransientError(
                f"no answer from {self.url} ({error}); is the server up, and PREFECT_API_URL right?"
            ) from error


class Missing(ConfigError):  # noqa: N818 - it reads as what it says: except Missing
    """The server has no such thing."""


class Taken(ConfigError):  # noqa: N818
    """The name is taken already."""


def _explain(error: PrefectHTTPStatusError, url: str, method: str, path: str) -> Exception:
    status = error.response.status_code
    said = f"{method} {path}: {error.response.text:.500}"
    if status in {401, 403}:
        return ConfigError(f"{url} refuses our credentials ({status}); set PREFECT_API_AUTH_STRING")
    if status == 404:
        return Missing(f"{url} has no {path}")
    if status == 409:
        return Taken(said)
    if status >= 500 or status == 429:
        return TransientError(f"{url} failed with {status}: {said}")
    return ConfigError(f"{url} refused with {status}: {said}")


@contextmanager
def open_server() -> Iterator[Server]:
    """The server that PREFECT_API_URL names, be it by the environment or a profile. Raises ConfigError where none is.

    Without one, Prefect would start an empty server of its own and answer from that.
    """
    if not get_current_settings().api.url:
        raise ConfigError("PREFECT_API_URL is not set: name the server, as in http://127.0.0.1:4200/api")
    with get_client(sync_client=True) as client:
        server = Server(client)
        _check_version(server)
        yield server


def _check_version(server: Server) -> None:
    version = str(server.get("/admin/version"))
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if len(parts) == 2 and parts < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ConfigError(f"{server.url} runs Prefect {version}; {oldest} or newer is needed: upgrade the server")
