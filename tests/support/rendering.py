"""What kustomize makes of knative/: the objects that a cluster would be given."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".venv" / "tools"

#: Everything that is ever applied as one.
OVERLAYS = ("local", "dev", "aks", "aks/cluster", "events")
#: Those with the service in them.
SERVICE_OVERLAYS = ("local", "aks")

Object = dict[str, Any]


@cache
def _rendered(overlay: str) -> str:
    command = [str(TOOLS / "kubectl"), "kustomize", str(ROOT / "knative" / "overlays" / overlay)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def objects(overlay: str) -> list[Object]:
    """Every object of an overlay, fresh: change it as you like."""
    return [found for found in yaml.safe_load_all(_rendered(overlay)) if found]


def one(overlay: str, kind: str, name: str, group: str = "") -> Object:
    """The object of that kind and name, of the API group given."""
    (found,) = [
        found
        for found in objects(overlay)
        if (found["kind"], found["metadata"]["name"]) == (kind, name) and found["apiVersion"].startswith(group)
    ]
    return found


def service(overlay: str) -> Object:
    """The Knative Service."""
    return one(overlay, "Service", "lightsleeper", "serving.knative.dev/")


def revision(overlay: str) -> Object:
    """The template of its revisions: `metadata` and `spec`."""
    template: Object = service(overlay)["spec"]["template"]
    return template


def container(overlay: str) -> Object:
    """The one container of the service."""
    (only,) = revision(overlay)["spec"]["containers"]
    found: Object = only
    return found


def annotation(overlay: str, key: str) -> str:
    """An annotation `autoscaling.knative.dev/<key>`."""
    value: str = revision(overlay)["metadata"]["annotations"][f"autoscaling.knative.dev/{key}"]
    return value
