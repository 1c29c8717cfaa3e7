"""From a fresh server to documents read in containers; what is killed, starved or restarted loses nothing.

The tests follow one another on one host, as a person would.
"""

import io
import json
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets.exceptions
import websockets.sync.client

from tests.stack.host import FLOW_RUNS, OWNER, Host, await_value, docker

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MEGABYTE = 1_000_000
LARGEST_IMAGE = 650 * MEGABYTE
PUSHED_BYTES = 100_000


def count(report: dict[str, Any]) -> int:
    return int(sum(report[name] for name in ("done", "duplicate", "review", "quarantined")))


def test_the_stack_comes_up_from_nothing(host: Host, measure: Callable[[str], None]) -> None:
    """Healthy, with its secrets made once and readable by nobody else on the host."""
    begun = time.monotonic()
    told = host.run("scripts/up")
    measure(f"up, images and databases made: {time.monotonic() - begun:.0f} s")
    host.log_in()
    assert host.api_url.removesuffix("/api") in told
    secrets = host.root / ".state/secrets"
    assert secrets.stat().st_mode & 0o077 == 0
    assert host.api_auth.startswith("mailroom:")
    assert host.api_auth not in told


def test_nothing_answers_without_the_credential(host: Host) -> None:
    """Every route below /api but two; websockets too."""
    with httpx.Client(base_url=host.api_url.removesuffix("/api"), timeout=20) as client:
        routes = client.get("/openapi.json").json()["paths"]
        assert len(routes) > 100
        open_routes = set()
        for route, methods in routes.items():
            path = route.replace("{", "").replace("}", "")
            for method in methods:
                answer = client.request(method, path if path.startswith("/api") else f"/api{path}")
                if answer.status_code != 401:
                    open_routes.add(route.removeprefix("/api"))
        assert open_routes == {"/health", "/ready"}
    socket = host.api_url.replace("http", "ws")
    for route in ("/events/in", "/events/out", "/logs/out"):
        with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
            websockets.sync.client.connect(socket + route).close()
        assert refused.value.response.status_code == 403


def test_images_are_built_once(host: Host, measure: Callable[[str], None]) -> None:
    """Built, imported, pushed with its parts list; not again; and after a change of code, the last layers alone."""
    told = host.run("uv run gitops build --env staging --push --images images.json")
    ((image, digest),) = json.loads((host.root / "images.json").read_text()).items()
    assert "every flow of it imports" in told
    size = int(docker("image", "inspect", "--format", "{{.Size}}", image))
    measure(f"{image}: {size / MEGABYTE:.0f} MB")
    assert size < LARGEST_IMAGE
    sbom = docker("create", f"{image}-sbom", "none")
    parts = read_file(sbom, "/sbom.cdx.json")
    docker("rm", sbom)
    assert {"ocrmypdf", "tini"} <= {each["name"] for each in parts["components"]}
    again = host.run("uv run gitops build --env staging --push --images images.json")
    assert "building" not in again
    assert json.loads((host.root / "images.json").read_text()) == {image: digest}
    before = layers(image)
    with (host.root / "flows/ocr_intake/steps.py").open("a") as file:
        file.write("# Changed.\n")
    host.commit("Change a comment")
    begun = time.monotonic()
    host.run("uv run gitops build --env staging --push --images images.json")
    measure(f"built and pushed after a change of code: {time.monotonic() - begun:.1f} s")
    ((changed, _),) = json.loads((host.root / "images.json").read_text()).items()
    assert changed != image
    assert sum(size for layer, size in layers(changed).items() if layer not in before) < PUSHED_BYTES


def read_file(container: str, path: str) -> Any:
    """JSON, out of a container that never ran."""
    packed = subprocess.run(["docker", "cp", f"{container}:{path}", "-"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        found = archive.extractfile(archive.getmembers()[0])
        assert found is not None
        return json.load(found)


def layers(image: str) -> dict[str, int]:
    """Digest -> compressed bytes, of what a push would have to send."""
    manifest = json.loads(docker("buildx", "imagetools", "inspect", "--raw", image))
    return {layer["digest"]: layer["size"] for layer in manifest["layers"]}


def test_the_first_deploy_is_by_digest(host: Host) -> None:
    """The secret is asked for, set from its file, and never shown; the deployment names the image by its digest."""
    assert "gitops secret set ledger-url" in host.run("uv run gitops plan --env staging")
    host.run("uv run gitops secret set ledger-url --env staging < .state/secrets/ledger_url")
    told = host.run("uv run delivery deploy --env staging --images images.json")
    assert "smoke run of ocr-intake/ocr-intake: Completed" in told
    assert "not built" not in host.run("uv run gitops images --env staging --changed")
    ((image, digest),) = json.loads((host.root / "images.json").read_text()).items()
    with host.server() as server:
        row = server.get("/deployments/name/ocr-intake/ocr-intake")
        pool = server.get("/work_pools/docker")
    assert row["job_variables"]["image"] == f"{image.rpartition(':')[0]}@{digest}"
    assert (host.root / ".state/secrets/ledger_password").read_text() not in json.dumps(pool)
    assert "no changes" in host.run("uv run gitops plan --env staging")


def test_scans_are_read_in_a_locked_container(host: Host, scans: list[Path]) -> None:
    """The report adds up; the container had no rights, no root, and no way to write but to its volumes."""
    source = host.put("inbox", scans[:12])
    run = host.start(source, "/documents/archive")
    container = host.container_of(run)
    assert host.await_state(run)["type"] == "COMPLETED"
    report = host.report(run)
    assert report["inputs"] == count(report) == 12
    told = host.run("uv run batch run ocr-intake --source /documents/inbox --destination /documents/archive")
    assert "12 inputs: " in told
    assert "12 reused" in told
    assert len(list((host.documents / "archive").glob("*.json"))) == report["inputs"] - report["duplicate"]
    (seen,) = json.loads(docker("inspect", container))
    assert seen["Config"]["User"] == f"{OWNER}:{OWNER}"
    limits = seen["HostConfig"]
    assert limits["ReadonlyRootfs"] is True
    assert limits["CapDrop"] == ["ALL"]
    assert limits["Memory"] == 4 << 30
    assert limits["NanoCpus"] == 2_000_000_000
    (worker,) = json.loads(docker("inspect", "mailroom-test-worker-1"))
    assert worker["HostConfig"]["ReadonlyRootfs"] is True
    assert worker["Config"]["User"] == f"{OWNER}:{OWNER}"


def test_a_killed_container_is_completed_by_the_next_run(host: Host) -> None:
    """The worker says that it crashed, at once; nothing is done twice."""
    source = host.draw("killed", 80)
    first = host.start(source, "/documents/killed-out")
    container = host.container_of(first)
    await_value(lambda: " ".join(map(str, (host.documents / "killed-out").glob("*.json"))), 120)
    docker("kill", container)
    assert host.await_state(first)["type"] == "CRASHED"
    second = host.start(source, "/documents/killed-out")
    assert host.await_state(second)["type"] == "COMPLETED"
    report = host.report(second)
    assert report["inputs"] == count(report) == 80
    assert report["reused"] > 0
    assert report["quarantined"] == 0


def test_a_container_without_memory_ends_typed(host: Host, scans: list[Path]) -> None:
    """The document is quarantined for it, or the run has crashed and one with room completes it."""
    source = host.put("starved", [max(scans, key=lambda path: path.stat().st_size)])
    run = host.start(source, "/documents/starved-out", mem_limit="330m", memswap_limit="330m")
    state = host.await_state(run)
    if state["type"] == "CRASHED":
        run = host.start(source, "/documents/starved-out")
        assert host.await_state(run)["type"] == "COMPLETED"
        report = host.report(run)
        assert report["done"] + report["review"] == 1
    else:
        assert host.report(run)["reasons"] == {"out_of_memory": 1}


def test_a_missing_image_is_told(host: Host) -> None:
    """Crashed, with the image named; nothing waits for it."""
    missing = f"{host.images}/ocr-intake@sha256:{'0' * 64}"
    run = host.start("/documents/inbox", "/documents/never", image=missing)
    state = host.await_state(run, seconds=180)
    assert state["type"] == "CRASHED"
    with host.server() as server:
        assert server.get(f"/flow_runs/{run}")["state"]["type"] == "CRASHED"


@pytest.mark.parametrize("service", ["redis", "postgres", "api", "services", "worker"])
def test_a_restart_during_a_batch_loses_nothing(host: Host, service: str, measure: Callable[[str], None]) -> None:
    """Of any one of them: every input has its outcome, if need be in the next run."""
    source = host.draw(f"restart-{service}", 200)
    destination = f"/documents/restart-{service}-out"
    run = host.start(source, destination)
    place = host.documents / f"restart-{service}-out"
    await_value(lambda: " ".join(map(str, place.glob("*.json"))), 120)
    container = host.container_of(run)
    assert docker("inspect", "--format", "{{.State.Running}}", container) == "true"
    docker("restart", "--time", "5", f"mailroom-test-{service}-1")
    state = host.await_state(run)
    if state["type"] != "COMPLETED":
        run = host.start(source, destination)
        state = host.await_state(run)
    assert state["type"] == "COMPLETED", state
    report = host.report(run)
    assert report["inputs"] == count(report) == 200
    assert report["quarantined"] == 0
    measure(f"{service}: {report['reused']} reused")


def test_a_backup_brings_back_what_was(host: Host, measure: Callable[[str], None]) -> None:
    """What was declared and done by then is there again, and what was changed since is not; the databases are there."""
    host.run("scripts/backup FOLDER", FOLDER=".state/backup")
    with host.server() as server:
        runs = len(server.list("/flow_runs/filter"))
        row = server.get("/deployments/name/ocr-intake/ocr-intake")
        server.delete(f"/deployments/{row['id']}")
    assert "not healthy" not in host.run("scripts/restore FOLDER --yes", FOLDER=".state/backup")
    with host.server() as server:
        assert server.get("/deployments/name/ocr-intake/ocr-intake")["id"] == row["id"]
        assert len(server.list("/flow_runs/filter")) == runs
    begun = time.monotonic()
    run = host.start("/documents/inbox", "/documents/archive")
    assert host.await_state(run)["type"] == "COMPLETED"
    assert host.report(run)["reused"] == 12
    measure(f"a run of what is known, after the restore: {time.monotonic() - begun:.0f} s")


def test_it_goes_down_once_its_runs_have_ended(host: Host, measure: Callable[[str], None]) -> None:
    """No run is left that says it is alive; and it comes up again."""
    source = host.draw("down", 150)
    run = host.start(source, "/documents/down-out")
    host.await_state(run, "RUNNING")
    host.run("scripts/down")
    assert docker("ps", "--quiet", "--filter", FLOW_RUNS) == ""
    begun = time.monotonic()
    host.run("scripts/up")
    measure(f"up, on existing databases: {time.monotonic() - begun:.0f} s")
    assert host.await_state(run, seconds=5)["type"] == "COMPLETED"
    assert host.report(run)["inputs"] == 150


def test_secrets_of_another_stack_are_told(host: Host) -> None:
    """The databases keep the passwords that they were made with: `up` ends, and names who was refused."""
    secret = host.root / ".state/secrets/postgres_password"
    kept = secret.read_text()
    secret.write_text("another")
    try:
        assert "not healthy: databases;" in host.run("scripts/up", code=1)
        file = "infrastructure/compose.yaml"
        assert "password authentication failed" in host.run(f"docker compose --file {file} logs databases")
    finally:
        secret.write_text(kept)
