"""What the model is called in paths, and which version it is."""

from typing import TYPE_CHECKING

from lightsleeper.api.asgi import Request
from lightsleeper.errors import NotFound, shortened

if TYPE_CHECKING:
    from lightsleeper.api.facts import Facts

#: As much of the bundle's digest as tells two versions apart.
_VERSION_DIGITS = 12


def served_name(request: Request) -> str:
    """The name that answers give: the one in the path, which is known, else the model's first."""
    names: tuple[str, ...] = request.state.dialect_options.model_names
    return str(request.path_params.get("name", names[0]))


def version(request: Request) -> str:
    """The version that answers."""
    facts: Facts = request.state.facts
    return facts.digest[:_VERSION_DIGITS]


def require_model(request: Request, unknown: str) -> None:
    """NotFound, saying `unknown` with the name in place of its `{}`, if the path names another model or version."""
    name = request.path_params.get("name")
    names: tuple[str, ...] = request.state.dialect_options.model_names
    if name is not None and name not in names:
        raise NotFound(unknown.format(shortened(name)), code="unknown_model", field="name")
    asked = request.path_params.get("version")
    if asked not in (None, version(request)):
        raise NotFound(
            f"version {shortened(asked)} of {name} is not served: {version(request)} is", code="unknown_version"
        )
