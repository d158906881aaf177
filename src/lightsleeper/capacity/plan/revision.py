"""A revision's template out of YAML: a Knative Service, what is laid over it, and JSON patches of it.

What a patch takes away becomes None, so that it can be told from what was never said.
"""

from itertools import pairwise
from pathlib import Path

from lightsleeper.errors import ConfigurationError, shortened

Node = dict[str, object]

_LARGEST_BYTES = 1_000_000
_TEMPLATE = ["spec", "template"]
#: A patch of these replaces what it does not know: the manifest must be there.
_WHOLE = (
    _TEMPLATE[:1],
    _TEMPLATE,
    [*_TEMPLATE, "metadata"],
    [*_TEMPLATE, "metadata", "annotations"],
    [*_TEMPLATE, "spec"],
    [*_TEMPLATE, "spec", "containers"],
)
_OPERATIONS = ("add", "replace", "remove", "test")


class Revision:
    """What the manifests say so far."""

    def __init__(self) -> None:
        """Nothing."""
        self._service: Node = {}
        #: Whether a Service was among them, and not patches alone.
        self.whole = False

    def take(self, file: Path) -> None:
        """All documents of `file`; ConfigurationError if none is about a Service, or one cannot be laid over."""
        try:
            found = [self._take(file, document) for document in _documents(file)]
        except RecursionError:  # an alias may stand for what it is in
            raise ConfigurationError(f"{file}: not YAML") from None
        if not any(found):
            raise ConfigurationError(f"{file}: no Knative Service, nor a patch of one, in it")

    @property
    def annotations(self) -> Node:
        """By their whole names."""
        return mapping(mapping(self._template.get("metadata")).get("annotations"))

    @property
    def spec(self) -> Node:
        """Of the revision."""
        return mapping(self._template.get("spec"))

    @property
    def container(self) -> Node:
        """The first one."""
        containers = self.spec.get("containers")
        if isinstance(containers, list):
            return mapping(containers[0]) if containers else {}
        return mapping(mapping(containers).get("0"))  # a patch alone says no more than where

    @property
    def _template(self) -> Node:
        return mapping(mapping(self._service.get("spec")).get("template"))

    def _take(self, file: Path, document: object) -> bool:
        """Whether it is a Service, or a patch of one."""
        if isinstance(document, dict) and document.get("kind") == "Service":
            if not str(document.get("apiVersion", "")).startswith("serving.knative.dev/"):
                return False
            self._service = _over(self._service, document) if self.whole else document
            self.whole = True
            return True
        if not isinstance(document, list):
            return False
        ours = [(each, path) for each in document if (path := _path(each))[:2] in (_TEMPLATE[:1], _TEMPLATE)]
        for patch, path in ours:
            self._patch(f"{file}: patch of {shortened(patch['path'])}", patch, path)
        return bool(ours)

    def _patch(self, where: str, patch: Node, path: list[str]) -> None:
        """RFC 6902, as far as kustomize's patches go; what is missing on the way is made."""
        operation = patch.get("op")
        if operation not in _OPERATIONS:
            raise ConfigurationError(f"{where}: op {shortened(str(operation))!r} is not read: {', '.join(_OPERATIONS)}")
        if operation != "remove" and "value" not in patch:
            raise ConfigurationError(f"{where}: no value in it")
        if path in _WHOLE and not self.whole:
            raise ConfigurationError(f"{where}: give the Service that it patches first, with a --service of its own")
        if operation == "test":
            return
        at: object = self._service
        for step, then in pairwise(path):
            at = _inside(where, at, step, [] if then == "-" else {})
        _put(where, at, path[-1], patch)


def mapping(value: object) -> Node:
    """It, if it is one; an empty one else."""
    return value if isinstance(value, dict) else {}


def _documents(file: Path) -> list[object]:
    try:
        import yaml  # noqa: PLC0415  # who brings no manifest needs none
    except ModuleNotFoundError:  # the image, which only serves, is built without it
        raise ConfigurationError(f"{file}: manifests are read with PyYAML, which is not installed here") from None
    try:
        with file.open("rb") as content:
            given = content.read(_LARGEST_BYTES + 1)
        if len(given) > _LARGEST_BYTES:
            raise ConfigurationError(f"{file}: larger than any manifest ({_LARGEST_BYTES:,} bytes)")
        return list(yaml.safe_load_all(given))
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError):
        raise ConfigurationError(f"{file}: not YAML") from None


def _over(below: Node, above: Node) -> Node:
    """A merge patch (RFC 7396), as kustomize lays one over a kind it has no schema of: lists are replaced."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _inside(where: str, at: object, step: str, missing: object) -> object:
    if isinstance(at, dict):
        if at.get(step) is None:
            at[step] = missing
        return at[step]
    if isinstance(at, list) and step.isdecimal() and int(step[:9]) < len(at):
        return at[int(step[:9])]
    raise ConfigurationError(f"{where}: there is nothing at {shortened(step)!r}")


def _put(where: str, at: object, step: str, patch: Node) -> None:
    operation, value = patch["op"], patch.get("value")
    if isinstance(at, dict):
        at[step] = None if operation == "remove" else value
    elif isinstance(at, list) and step == "-" and operation == "add":
        at.append(value)
    elif isinstance(at, list) and step.isdecimal() and int(step[:9]) < len(at) + (operation == "add"):
        place = int(step[:9])
        at[place : place + (operation != "add")] = [] if operation == "remove" else [value]
    else:
        raise ConfigurationError(f"{where}: there is nothing at {shortened(step)!r}")


def _path(patch: object) -> list[str]:
    """The steps of a JSON pointer; none if it is no patch."""
    pointer = mapping(patch).get("path")
    steps = pointer.split("/")[1:] if isinstance(pointer, str) else []
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]
