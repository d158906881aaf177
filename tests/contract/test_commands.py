"""Every command of every page: taken by the tool itself where it is here, and about things that exist."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from documented import PAGES, Command, commands, commands_of
from lightsleeper.serving.app import create_app
from lightsleeper.serving.settings import Settings
from rendering import OVERLAYS, ROOT, SERVICE_OVERLAYS, TOOLS, container, objects, revision

pytestmark = pytest.mark.delivery

#: What is checked below, each by the function that bears its name.
CHECKED = {"curl", "docker", "helm", "k6", "kind", "kubectl", "lightsleeper", "make", "skaffold", ".venv/bin/python"}
#: test_azure.py; nothing but a shell or a standard tool; in no package registry (`kn`).
ELSEWHERE = {"az"} | {".", "cd", "gh", "git", "openssl", "pre-commit", "printf", "promtool", "sha256sum"} | {"kn"}

#: What others put into the cluster: Knative with Kourier as its operator installs them, and what they name in ours.
#: https://github.com/knative/serving/tree/release-1.23/config/core/deployments
#: https://github.com/knative-extensions/net-kourier/tree/release-1.23/config
PLATFORM_OBJECTS = {("Deployment", "activator"), ("Service", "kourier")}
PLATFORM_NAMESPACES = {"cert-manager", "knative-operator", "knative-serving", "kourier-system"}
PLATFORM_CONTAINERS = {"queue-proxy"}
PLATFORM_LABELS = {"app=3scale-kourier-gateway"}

#: What kubectl calls a kind, and the kind.
KINDS = {
    "deploy": "Deployment",
    "deployment": "Deployment",
    "domainmapping": "DomainMapping",
    "ksvc": "Service",
    "knativeserving": "KnativeServing",
    "namespace": "Namespace",
    "service": "Service",
}

#: The flags of each verb that are used here.
#: https://github.com/GoogleContainerTools/skaffold/blob/v2.24.0/cmd/skaffold/app/cmd/flags.go
SKAFFOLD_FLAGS = {
    "build": {"--default-repo", "--file-output", "--profile"},
    "delete": {"--default-repo", "--profile"},
    "deploy": {"--build-artifacts", "--default-repo", "--label", "--profile"},
    "dev": {"--default-repo", "--label", "--profile"},
    "render": {"--build-artifacts", "--default-repo", "--label", "--profile"},
    "run": {"--default-repo", "--label", "--profile"},
    "verify": {"--build-artifacts", "--default-repo", "--profile"},
}


def rendered() -> list[dict[str, Any]]:
    """Every object that is applied. Not a constant: what only collects this file has no kubectl."""
    return [found for overlay in OVERLAYS for found in objects(overlay)]


def kubectl(command: Command, home: Path) -> str:
    """What is wrong with it, by kubectl's own parser and by what is rendered; empty if nothing is."""
    config = home / "config"
    config.write_text("{contexts: [{name: test, context: {cluster: none}}], current-context: test}")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECONFIG": str(config)}
    line: list[str | Path] = [TOOLS / "kubectl", "--server=http://127.0.0.1:9", *command.words[1:]]
    done = subprocess.run(line, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    parsed = done.returncode == 0 or "127.0.0.1:9" in done.stderr  # it went on to ask the cluster, which is none
    return "" if parsed and not unknown_names(command) else f"{done.stderr} {unknown_names(command)}"


def unknown_names(command: Command) -> set[str]:
    """Containers, namespaces, labels, annotations and objects of a kubectl command that nobody makes."""
    made = {(found["kind"], found["metadata"]["name"]) for found in rendered()} | PLATFORM_OBJECTS
    annotations = {key for overlay in SERVICE_OVERLAYS for key in revision(overlay)["metadata"]["annotations"]}
    patched = {key for patch in command.option("-p") for key in re.findall(r'"([\w.-]+/[\w-]+)":', patch)}
    return (
        {*command.option("-c", "--container")} - container_names() - PLATFORM_CONTAINERS
        | {*command.option("-n", "--namespace")} - namespaces() - PLATFORM_NAMESPACES
        | {*command.option("-l", "--selector")} - labels() - PLATFORM_LABELS
        | patched - annotations
        | {f"{kind}/{name}" for kind, name in named_objects(command) if (kind, name) not in made}
    )


def named_objects(command: Command) -> list[tuple[str, str]]:
    """`kind/name`, or `kind name` behind the verb."""
    words = [word for word in command.words[1:] if not word.startswith("-")]
    pairs = [word.split("/") for word in words] + [words[1:3]]
    return [(KINDS[pair[0]], pair[1]) for pair in pairs if len(pair) == 2 and pair[0] in KINDS]


def templates() -> list[dict[str, Any]]:
    return [found["spec"]["template"] for found in rendered() if "template" in found.get("spec", {})]


def container_names() -> set[str]:
    return {each["name"] for template in templates() for each in template["spec"]["containers"]}


def namespaces() -> set[str]:
    return {found["metadata"]["name"] for found in rendered() if found["kind"] == "Namespace"}


def labels() -> set[str]:
    """Of our pods; Knative labels those of a service with its name."""
    own = {label for each in templates() for label in each["metadata"].get("labels", {}).items()}
    services = [found for found in rendered() if found["apiVersion"].startswith("serving.knative.dev/")]
    knative = {f"serving.knative.dev/service={found['metadata']['name']}" for found in services}
    return {f"{key}={value}" for key, value in own} | knative


def helm(command: Command, home: Path) -> str:
    """What helm's own parser says; it goes on to ask for a repository that is not reached."""
    paths = {name: str(home) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME")}
    environment = {"PATH": os.environ["PATH"], "HTTPS_PROXY": "http://127.0.0.1:9", **paths}
    line: list[str | Path] = [TOOLS / "helm", *command.words[1:]]
    done = subprocess.run(line, cwd=home, env=environment, check=False, capture_output=True, text=True)
    return "" if re.search(r"127\.0\.0\.1:9|repo \S+ not found", done.stderr) else done.stderr or done.stdout


def skaffold(command: Command, _: Path) -> str:
    profiles = {each["name"] for each in yaml.safe_load((ROOT / "skaffold.yaml").read_text())["profiles"]}
    verb, *rest = command.words[1:]
    flags = {word.split("=")[0] for word in rest if word.startswith("-")}
    wrong = [*(flags - SKAFFOLD_FLAGS[verb]), *(set(command.option("--profile")) - profiles)]
    return ", ".join(wrong)


def curl(command: Command, _: Path) -> str:
    """The path and the name of the host."""
    paths = create_app(Settings()).openapi()["paths"]
    (url,) = [word for word in command.words if re.match(r"https?://|localhost", word)]
    domains = {found["metadata"]["name"] for found in rendered() if found["kind"] == "DomainMapping"}
    hosts = {
        f"{found['metadata']['name']}.{found['metadata']['namespace']}.127.0.0.1.sslip.io"
        for found in rendered()
        if found["apiVersion"].startswith("serving.knative.dev/") and found["kind"] == "Service"
    }
    host, path = re.sub(r"^https?://", "", url).split("/", 1)
    (named,) = [header[6:] for header in command.option("-H") if header.startswith("Host: ")] or [host]
    known = named in {*hosts, *domains, "localhost:8080"}
    return "" if known and "post" in paths.get(f"/{path}", {}) else f"{named}/{path}"


def make(command: Command, _: Path) -> str:
    targets = re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    return ", ".join(word for word in command.words[1:] if "=" not in word and word not in targets)


def lightsleeper(command: Command, _: Path) -> str:
    """By the command line's own parser, which says what is wrong before it reads anything."""
    done = subprocess.run(
        [ROOT / ".venv/bin/python", "-c", PARSE, *command.words[1:]], check=False, capture_output=True, text=True
    )
    return "" if done.returncode == 0 or "arguments are required" in done.stderr else done.stderr


PARSE = "import sys; from lightsleeper.cli.parser import new_parser; new_parser().parse_args(sys.argv[1:])"


def docker(command: Command, _: Path) -> str:
    """Images that are deployed, files that exist."""
    deployed = {container("local")["image"]}
    tags = command.option("-t") + [word for word in command.words if word.startswith("dev.local/")]
    files = command.option("-f")
    return ", ".join([*(set(tags) - deployed), *(name for name in files if not (ROOT / name).is_file())])


def scripts(command: Command, _: Path) -> str:
    return ", ".join(word for word in command.words if word.endswith((".js", ".py")) and not (ROOT / word).is_file())


CHECKS: dict[str, Callable[[Command, Path], str]] = {
    "kubectl": kubectl,
    "helm": helm,
    "skaffold": skaffold,
    "curl": curl,
    "make": make,
    "lightsleeper": lightsleeper,
    "docker": docker,
    "kind": docker,
    "k6": scripts,
    ".venv/bin/python": scripts,
}


def test_every_command_is_of_a_tool_that_is_checked_here_or_known_to_be_not() -> None:
    assert CHECKS.keys() == CHECKED
    assert {command.tool for command in commands()} <= CHECKED | ELSEWHERE


@pytest.mark.parametrize("command", commands(*CHECKED), ids=str)
def test_it_can_be_typed(command: Command, tmp_path: Path) -> None:
    assert CHECKS[command.tool](command, tmp_path) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        "kubectl logs -l serving.knative.dev/service=lightsleeper -c user-container",
        "kubectl logs -l serving.knative.dev/service=sleeper -c lightsleeper",
        "kubectl get pods --namespace lightsleper",
        "kubectl get pods --namespace lightsleeper --wach",
        "kubectl patch ksvc sleeper --type merge -p '{}'",
        "kubectl wait --for=condition=Ready domainmapping/other.example.com",
        """kubectl patch ksvc lightsleeper --type merge -p '{"metadata":{"annotations":{"a.b/max-scael":"8"}}}'""",
        "kubectl apply -k knative/overlays/azure",
        "helm install cert-manager jetstack/cert-manager --create-namespaces",
        "helm repos add jetstack https://charts.jetstack.io",
        "skaffold run --profile azure",
        "skaffold verify --file-output build.json",
        "curl -H 'Host: lightsleeper.default.127.0.0.1.sslip.io' -d '{}' http://localhost/predict",
        "curl -d '{}' localhost:8080/classify",
        "make test-everything",
        "lightsleeper predict --files reviews.csv",
        "docker compose -f observability/docker-compose.yaml up",
        "kind load docker-image dev.local/sleeper:dev",
        "k6 run k6/smoky.js",
    ],
)
def test_what_cannot_be_typed_is_found(wrong: str, tmp_path: Path) -> None:
    (command,) = commands_of("a page", f"```sh\n{wrong}\n```\n")
    assert CHECKS[command.tool](command, tmp_path) != ""


def test_verify_is_told_what_was_built() -> None:
    for page in PAGES:
        of_page = [command for command in commands("skaffold") if command.page == page]
        built = {(tuple(each.option("--profile")), *each.option("--file-output")) for each in of_page}
        for command in of_page:
            if command.words[1] == "verify":
                assert (tuple(command.option("--profile")), *command.option("--build-artifacts")) in built


def test_the_namespace_and_the_secret_are_those_of_the_manifests() -> None:
    (secret,) = [command for command in commands("kubectl") if command.words[1:3] == ("create", "secret")]
    wanted = [each["valueFrom"]["secretKeyRef"] for each in container("aks")["env"] if "valueFrom" in each]
    assert {secret.words[4]} == {reference["name"] for reference in wanted}
    keys = {literal.partition("=")[0] for literal in secret.option("--from-literal")}
    assert {reference["key"] for reference in wanted} == keys
