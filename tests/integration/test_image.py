"""The image, built by a real engine and run as a cluster runs it: no root, no capability, no writable file."""

import asyncio
import io
import json
import os
import random
import statistics
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from burst import Tally, burst
from containers import Podman, as_the_host_reaches_an_index, debian, needs_containers, until_open
from hub import COMMIT, serve_hub
from lightsleeper import __version__
from lightsleeper.process import free_port
from lightsleeper.serving.settings import Settings
from rendering import ROOT, container

pytestmark = [
    pytest.mark.delivery,
    needs_containers,
    # Debian from its packages, then the build: 5 minutes on 2 cores.
    pytest.mark.timeout(1200),
]

MAX_MB_OVER_BASE = 200

AS_IN_A_CLUSTER = ["--network=host", "--read-only", "--user=65532", "--cap-drop=ALL", "--memory=512m"]

#: How `skaffold dev` hands over a saved file, with `podman exec` for `kubectl exec`:
#: https://github.com/GoogleContainerTools/skaffold/blob/v2.24.0/pkg/skaffold/sync/kubectl.go
RECEIVE = ("exec", "--interactive")
UNPACK = ("tar", "xmf", "-", "-C", "/", "--no-same-owner")

BUILD_TOOLS = ("torch", "transformers", "poetry", "sympy", "onnx")
FIND_TOOLS = f"import importlib.util as u; print([name for name in {BUILD_TOOLS} if u.find_spec(name)])"

Report = Callable[[str], None]


@pytest.fixture(scope="module")
def base(podman: Podman, tmp_path_factory: pytest.TempPathFactory) -> str:
    """In the place of the official one."""
    return debian(podman, tmp_path_factory.mktemp("base"), "bookworm", "python3", "python3-pip", "ca-certificates")


@pytest.fixture(scope="module")
def build(podman: Podman, base: str) -> Callable[..., str]:
    """Build the Dockerfile with these arguments; returns the tag."""

    def build(tag: str, **arguments: str) -> str:
        wheels = os.environ.get("PIP_FIND_LINKS", "")
        named = {"PYTHON_IMAGE": base, "PYTHON_DIGEST": "", "PIP_FIND_LINKS": wheels, **arguments}
        options = [f"--build-arg={name}={value}" for name, value in named.items()]
        podman("build", "--quiet", *as_the_host_reaches_an_index(wheels), *options, f"--tag={tag}", ROOT)
        return tag

    return build


@pytest.fixture(scope="module")
def image(build: Callable[..., str]) -> str:
    """The image as it is by default."""
    return build("localhost/lightsleeper-test:latest")


@pytest.fixture
def create(podman: Podman) -> Iterator[Callable[..., tuple[str, int]]]:
    """Make a container that is not started yet; its id and port."""
    made: list[str] = []

    def create(image: str, *options: str, command: Sequence[str] = ()) -> tuple[str, int]:
        port = free_port()
        # Nothing is refused because a machine is slow: what is lost is the question.
        settings = [f"--env=PORT={port}", "--env=LIGHTSLEEPER_CACHE_ENTRIES=0", "--env=LIGHTSLEEPER_MAX_QUEUE_S=3600"]
        made.append(podman("create", *AS_IN_A_CLUSTER, *options, *settings, image, *command))
        return made[-1], port

    yield create
    for each in made:
        podman("rm", "--force", each)


def peak_resident_mib(pid: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


def sizes_mb(podman: Podman, base: str, image: str) -> tuple[float, float]:
    """Of the base, and what the image adds to it."""
    base_mb, all_mb = (int(podman("image", "inspect", "--format={{.Size}}", name)) / 1e6 for name in (base, image))
    return base_mb, all_mb - base_mb


def inside(podman: Podman, image: str, code: str, *options: str) -> str:
    """What Python says inside the image."""
    return podman("run", "--rm", "--network=none", *options, "--entrypoint=python3", image, "-c", code)


def test_it_adds_little_to_its_base(podman: Podman, base: str, image: str, report: Report) -> None:
    base_mb, over_base_mb = sizes_mb(podman, base, image)
    report(f"image: {over_base_mb:.0f} MB on top of its base of {base_mb:.0f} MB")
    assert over_base_mb <= MAX_MB_OVER_BASE


def test_it_holds_no_tool_that_built_it(podman: Podman, image: str) -> None:
    assert inside(podman, image, FIND_TOOLS) == "[]"


def test_it_lists_all_it_holds_for_an_sbom(podman: Podman, image: str) -> None:
    code = (
        "import importlib.metadata as m, pathlib; known = {*m.packages_distributions(), '__pycache__', 'numpy.libs'};"
        "print([p.name for p in pathlib.Path('/app').iterdir()"
        " if not p.name.endswith('.dist-info') and p.name.removesuffix('.py') not in known])"
    )
    assert inside(podman, image, code) == "[]"


def test_it_compiles_nothing_at_start(podman: Podman, image: str) -> None:
    code = (
        "import pathlib, sys; print([str(s) for s in pathlib.Path('/app').rglob('*.py')"
        " if not (s.parent / '__pycache__' / f'{s.stem}.{sys.implementation.cache_tag}.pyc').exists()])"
    )
    assert inside(podman, image, code) == "[]"


def test_it_says_what_it_is(podman: Podman, image: str) -> None:
    config = json.loads(podman("image", "inspect", image))[0]["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["python3", "-m", "lightsleeper"]
    assert config["Cmd"] == ["serve"]
    labels = {name.removeprefix("org.opencontainers.image.") for name in config["Labels"]}
    assert {"title", "description", "licenses", "version", "revision"} <= labels


@pytest.mark.parametrize(("quota", "workers"), [("0.5", 1), ("1", 1), ("2", 2)])
def test_its_cpu_quota_decides_its_workers(podman: Podman, image: str, quota: str, workers: int) -> None:
    code = "from lightsleeper.model.cpu_quota import cpus, worker_count; print(cpus(), worker_count(cpus()))"
    assert inside(podman, image, code, f"--cpus={quota}") == f"{float(quota)} {workers}"


async def test_it_wakes_answers_and_loses_nothing_when_it_is_stopped_under_load(
    podman: Podman, image: str, create: Callable[..., tuple[str, int]], report: Report
) -> None:
    container, port = create(image, "--cpus=1")
    started_s = time.perf_counter()
    podman("start", container)
    until_open(port)
    woke_s = time.perf_counter() - started_s
    answer = httpx2.post(f"http://127.0.0.1:{port}/predict", json={"text": "What a lovely film."}, timeout=60)
    assert answer.json()["predictions"][0][0]["label"] == "POSITIVE"
    tally = Tally()
    async with burst(port, random.Random(6), tally):
        await asyncio.sleep(1)  # under load for a while
        pid = podman("inspect", "--format={{.State.Pid}}", container)
        peak_mib = await asyncio.to_thread(peak_resident_mib, pid)
        stopping_s = time.perf_counter()
        await asyncio.to_thread(podman, "stop", f"--time={Settings().drain_timeout_s:.0f}", container)
        took_s = time.perf_counter() - stopping_s
    report(
        f"image, 1 CPU: open {woke_s:.2f} s after `podman start`, {peak_mib} MiB at its peak, "
        f"{tally.answered} answered, {len(tally.lost)} lost, gone {took_s:.2f} s after SIGTERM"
    )
    assert tally.lost == []
    assert tally.answered > 0
    assert podman("inspect", "--format={{.State.ExitCode}}", container) == "0"
    assert "telemetry_1ds" not in podman("logs", container), "the engine must not report to its vendor"


def test_a_model_of_the_hub_is_prepared_in_the_build(
    podman: Podman, base: str, build: Callable[..., str], create: Callable[..., tuple[str, int]], tmp_path: Path
) -> None:
    from checkpoints import write_checkpoint  # noqa: PLC0415  # torch: seconds that only this test takes

    model = "someone/tiny-sentiment"
    with serve_hub(model, write_checkpoint("distilbert", tmp_path)) as hub:
        image = build("localhost/lightsleeper-test:hub", MODEL=model, MODEL_REVISION=COMMIT, HF_ENDPOINT=hub.address)
    assert sorted(hub.given) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert inside(podman, image, FIND_TOOLS) == "[]"
    assert sizes_mb(podman, base, image)[1] <= MAX_MB_OVER_BASE
    container, port = create(image, "--cpus=1")
    podman("start", container)
    until_open(port)
    facts = httpx2.get(f"http://127.0.0.1:{port}/model", timeout=60).json()
    assert (facts["model_id"], facts["revision"]) == (model, COMMIT)
    answer = httpx2.post(f"http://127.0.0.1:{port}/predict", json={"text": "What a lovely film."}, timeout=60).json()
    assert {ranked["label"] for ranked in answer["predictions"][0]} == set(facts["labels"])


@pytest.mark.timeout(600)
def test_in_dev_every_saved_file_is_served_and_its_time_said_beside_a_starts(
    podman: Podman, image: str, create: Callable[..., tuple[str, int]], report: Report
) -> None:
    shell, option, script = container("dev")["command"]
    served, served_port = create(image, "--cpus=1")
    dev, port = create(
        image,
        "--cpus=1",
        "--tmpfs=/source:mode=1777",
        f"--entrypoint={shell}",
        command=[option, script.replace("--port 8080", '--port "$PORT"')],
    )
    podman("start", dev)
    until_version(port, __version__)
    starts_s, reloads_s = [], []
    for number in range(5):
        podman("stop", served)
        started_s = time.perf_counter()
        podman("start", served)
        until_version(served_port, __version__)
        starts_s.append(time.perf_counter() - started_s)
        version = f"{__version__}+saved{number}"
        saved_s = time.perf_counter()
        podman(*RECEIVE, dev, *UNPACK, stdin=saved_with(version))
        until_version(port, version)
        reloads_s.append(time.perf_counter() - saved_s)
    start_s, reload_s = statistics.median(starts_s), statistics.median(reloads_s)
    # It also notices the change (up to 0.25 s), ends the old process and compiles the package: 1.6 starts when quiet.
    report(f"dev, 1 CPU: a saved file answers after {reload_s:.2f} s; `podman start` → answer takes {start_s:.2f} s")


def until_version(port: int, version: str) -> None:
    """Return once the service on that port answers and is of that version."""
    while True:
        with suppress(httpx2.TransportError):  # it starts; pytest's own time-out ends it
            if httpx2.get(f"http://127.0.0.1:{port}/model", timeout=60).json()["version"] == version:
                return
        time.sleep(0.005)


def saved_with(version: str) -> bytes:
    """The package's first file, of another version, packed as Skaffold sends what was saved."""
    name = "lightsleeper/__init__.py"
    content = (ROOT / "src" / name).read_text().replace(__version__, version).encode()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(f"source/{name}")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
