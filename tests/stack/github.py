"""As much of GitHub's API as CI/CD calls, in memory, on a port of this machine."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

REPOSITORY = "example/mailroom"
BOT = {"type": "Bot", "login": "github-actions[bot]"}
Json = dict[str, Any]


@dataclass
class FakeGitHub:
    pulls: list[Json] = field(default_factory=list)
    issues: list[Json] = field(default_factory=list)
    comments: list[Json] = field(default_factory=list)
    runs: list[Json] = field(default_factory=list)
    artifacts: dict[int, Json] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    """Branch -> commit."""
    objects: list[Json] = field(default_factory=list)
    """Trees and commits, as they were asked for."""
    url: str = ""

    def add_run(
        self, head: str, artifacts: dict[str, bytes], conclusion: str = "success", source: str = REPOSITORY
    ) -> int:
        number = 100 + len(self.runs)
        path = ".github/workflows/ci.yml"
        row = {"id": number, "path": path, "head_sha": head, "conclusion": conclusion, "status": "completed"}
        self.runs.append({**row, "head_repository": {"full_name": source}})
        for name, content in artifacts.items():
            each = len(self.artifacts) + 1
            self.artifacts[each] = {"id": each, "name": name, "run": number, "content": content}
        return number

    def answer(self, method: str, path: str, query: Json, body: Any) -> Any:
        """Status and content."""
        for wanted, pattern, act in self._routes():
            found = re.fullmatch(pattern, path)
            if method == wanted and found:
                return act(*[int(each) if each.isdigit() else each for each in found.groups()], query, body)
        return 404, {"message": f"no route {method} {path}"}

    def _routes(self) -> list[tuple[str, str, Any]]:
        return [
            ("GET", r"", lambda q, b: (200, {"default_branch": "main"})),
            ("GET", r"/git/ref/heads/(.+)", lambda name, q, b: (200, {"object": {"sha": self.refs[name]}})),
            ("GET", r"/git/commits/(.+)", lambda sha, q, b: (200, {"tree": {"sha": f"tree-of-{sha}"}})),
            ("GET", r"/git/matching-refs/heads/(.+)", lambda name, q, b: (200, self._matching(name))),
            ("POST", r"/git/(?:trees|commits)", lambda q, b: (201, self._make(b))),
            ("POST", r"/git/refs", lambda q, b: (201, self._point(b["ref"].removeprefix("refs/heads/"), b["sha"]))),
            ("PATCH", r"/git/refs/heads/(.+)", lambda name, q, b: (200, self._point(name, b["sha"]))),
            ("POST", r"/pulls", lambda q, b: (201, self._pull(b))),
            ("PATCH", r"/pulls/(\d+)", lambda n, q, b: (200, self.pulls[n - 1].update(b))),
            ("GET", r"/pulls", lambda q, b: (200, self.pulls)),
            ("GET", r"/pulls/(\d+)", lambda n, q, b: (200, next(each for each in self.pulls if each["number"] == n))),
            ("GET", r"/actions/runs", lambda q, b: (200, {"workflow_runs": self._runs(q)})),
            ("GET", r"/actions/runs/(\d+)/artifacts", lambda n, q, b: (200, {"artifacts": self._artifacts(n)})),
            ("GET", r"/actions/artifacts/(\d+)/zip", lambda n, q, b: (200, self.artifacts[n]["content"])),
            ("GET", r"/issues/(\d+)/comments", lambda n, q, b: (200, [c for c in self.comments if c["issue"] == n])),
            ("POST", r"/issues/(\d+)/comments", self._comment),
            ("PATCH", r"/issues/comments/(\d+)", lambda n, q, b: (200, self.comments[n - 1] | self._set(n, b))),
            ("DELETE", r"/issues/(\d+)/labels/(.+)", lambda n, name, q, b: (200, self._unlabel(n, name))),
            ("GET", r"/issues", lambda q, b: (200, self._issues(q))),
            ("POST", r"/issues", self._open),
            ("PATCH", r"/issues/(\d+)", lambda n, q, b: (200, self._change(n, b))),
        ]

    def _matching(self, start: str) -> list[Json]:
        return [{"ref": f"refs/heads/{name}"} for name in self.refs if name.startswith(start)]

    def _make(self, body: Json) -> Json:
        self.objects.append(body)
        return {"sha": f"made-{len(self.objects)}"}

    def _point(self, name: str, commit: str) -> Json:
        self.refs[name] = commit
        return {}

    def _pull(self, body: Json) -> Json:
        self.pulls.append({"number": len(self.pulls) + 1, "state": "open", **body})
        return self.pulls[-1]

    def _runs(self, query: Json) -> list[Json]:
        return [run for run in self.runs if run["head_sha"] == query["head_sha"]]

    def _artifacts(self, run: int) -> list[Json]:
        return [{"id": a["id"], "name": a["name"]} for a in self.artifacts.values() if a["run"] == run]

    def _comment(self, number: int, _query: Json, body: Json) -> tuple[int, Json]:
        made = {"id": len(self.comments) + 1, "issue": number, "user": BOT, **body}
        self.comments.append(made)
        return 201, made

    def _set(self, number: int, body: Json) -> Json:
        self.comments[number - 1].update(body)
        return body

    def _unlabel(self, number: int, name: str) -> list[Json]:
        pull = next(each for each in self.pulls if each["number"] == number)
        pull["labels"] = [label for label in pull["labels"] if label["name"] != name]
        labels: list[Json] = pull["labels"]
        return labels

    def _issues(self, query: Json) -> list[Json]:
        return [each for each in self.issues if query["labels"] in each["labels"] and each["state"] == "open"]

    def _open(self, _query: Json, body: Json) -> tuple[int, Json]:
        made = {"number": 500 + len(self.issues), "state": "open", **body}
        self.issues.append(made)
        return 201, made

    def _change(self, number: int, body: Json) -> Json:
        issue = self.issues[number - 500]
        issue.update(body)
        return issue


@contextmanager
def serve() -> Iterator[FakeGitHub]:
    fake = FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            assert self.headers["Authorization"] == "Bearer ghs_fake"
            path = parts.path.removeprefix(f"/repos/{REPOSITORY}")
            status, content = fake.answer(self.command, path, query, json.loads(sent) if sent else None)
            payload = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815

        def log_message(self, *_words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
