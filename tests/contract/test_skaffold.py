"""skaffold.yaml: nothing misspelt, nothing that does not exist, every image built is an image deployed."""

import importlib
import json
import os
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from rendering import ROOT, container, service

pytestmark = pytest.mark.delivery

# The part of Skaffold's schema v4beta14 that is used here, refusing everything else:
# https://skaffold.dev/docs/references/yaml/?version=v4beta14


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SyncRule(Strict):
    src: str
    dest: str
    strip: str = ""


class Sync(Strict):
    manual: list[SyncRule]


class Docker(Strict):
    dockerfile: str = "Dockerfile"
    buildArgs: dict[str, str] = {}  # noqa: N815  # Skaffold's name


class Artifact(Strict):
    image: str
    context: str = "."
    platforms: list[str] = []
    docker: Docker
    sync: Sync | None = None


class TagPolicy(Strict):
    inputDigest: dict[str, str] | None = None  # noqa: N815  # Skaffold's name
    gitCommit: dict[str, str] | None = None  # noqa: N815  # Skaffold's name


class Local(Strict):
    push: bool


class Build(Strict):
    artifacts: list[Artifact] = []
    tagPolicy: TagPolicy | None = None  # noqa: N815  # Skaffold's name
    local: Local | None = None


class Kustomize(Strict):
    paths: list[str]


class Manifests(Strict):
    kustomize: Kustomize


class Host(Strict):
    command: list[str]


class Hook(Strict):
    host: Host


class Hooks(Strict):
    after: list[Hook]


class Kubectl(Strict):
    hooks: Hooks


class Deploy(Strict):
    kubectl: Kubectl


class PortForward(Strict):
    resourceType: Literal["service", "pod", "deployment"]  # noqa: N815  # Skaffold's name
    resourceName: str  # noqa: N815  # Skaffold's name
    namespace: str
    port: int
    localPort: int  # noqa: N815  # Skaffold's name


class Variable(Strict):
    name: str
    value: str


class VerifyContainer(Strict):
    name: str
    image: str
    command: list[str]
    env: list[Variable]


class ExecutionMode(Strict):
    kubernetesCluster: dict[str, str]  # noqa: N815  # Skaffold's name


class Verify(Strict):
    name: str
    timeout: int
    container: VerifyContainer
    executionMode: ExecutionMode  # noqa: N815  # Skaffold's name


class Profile(Strict):
    name: str
    build: Build | None = None
    manifests: Manifests | None = None
    portForward: list[PortForward] = []  # noqa: N815  # Skaffold's name
    verify: list[Verify] = []


class Metadata(Strict):
    name: str


class Config(Strict):
    apiVersion: Literal["skaffold/v4beta14"]  # noqa: N815  # Skaffold's name
    kind: Literal["Config"]
    metadata: Metadata
    build: Build
    manifests: Manifests
    deploy: Deploy
    portForward: list[PortForward]  # noqa: N815  # Skaffold's name
    verify: list[Verify]
    profiles: list[Profile]


def raw() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "skaffold.yaml").read_text())
    return found


def config() -> Config:
    return Config.model_validate(raw())


def profile(name: str) -> Profile:
    (found,) = [item for item in config().profiles if item.name == name]
    return found


def test_every_field_exists() -> None:
    config()


@pytest.mark.parametrize("path", [("build",), ("deploy", "kubectl"), ("manifests", "kustomize"), ()])
def test_a_misspelt_field_is_refused(path: tuple[str, ...]) -> None:
    faulty = raw()
    inner = faulty
    for key in path:
        inner = inner[key]
    inner["mispelt"] = True
    with pytest.raises(ValidationError, match="mispelt"):
        Config.model_validate(faulty)


@pytest.mark.by_hand
def test_the_published_schema_accepts_it() -> None:
    """With SKAFFOLD_SCHEMA set to a copy of Skaffold's published v4beta14.json: no package carries it."""
    jsonschema = importlib.import_module("jsonschema")
    schema = json.loads(Path(os.environ["SKAFFOLD_SCHEMA"]).read_text())
    jsonschema.validate(raw(), schema)


def test_every_path_exists() -> None:
    found = config()
    for build in [found.build, *(item.build for item in found.profiles if item.build)]:
        for artifact in build.artifacts:
            assert (ROOT / artifact.context / artifact.docker.dockerfile).is_file()
    for manifests in [found.manifests, *(item.manifests for item in found.profiles if item.manifests)]:
        for path in manifests.kustomize.paths:
            assert (ROOT / path / "kustomization.yaml").is_file()


def test_every_verified_image_is_built() -> None:
    found = config()
    for build, verify in [(found.build, found.verify), (profile("aks").build, profile("aks").verify)]:
        assert build
        assert {item.container.image for item in verify} <= {artifact.image for artifact in build.artifacts}


def test_every_verified_script_exists() -> None:
    for item in [*config().verify, *profile("aks").verify]:
        assert (ROOT / item.container.command[-1].lstrip("/")).is_file()


def test_the_images_built_are_the_images_deployed() -> None:
    aks, dev = profile("aks").build, profile("dev").build
    assert aks
    assert dev
    assert container("local")["image"].partition(":")[0] == config().build.artifacts[0].image
    assert container("dev")["image"].partition(":")[0] == dev.artifacts[0].image
    assert container("aks")["image"] == aks.artifacts[0].image


def test_in_dev_saved_files_reach_the_folder_that_is_watched() -> None:
    build = profile("dev").build
    assert build
    (rule,) = build.artifacts[0].sync.manual if build.artifacts[0].sync else []
    assert f"--reload-dir {rule.dest}" in container("dev")["command"][-1]


def test_in_dev_one_pod_is_always_there_to_get_them() -> None:
    annotations = service("dev")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/min-scale"] == "1"
