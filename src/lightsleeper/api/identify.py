"""Which dialect a request speaks, as far as its head tells. Imports none of them."""

from starlette.types import Scope


def identify(scope: Scope) -> str | None:
    """The dialect that this request speaks, as far as its head tells; None is ours."""
    path = path_below_root(scope)
    if path == "/v2" or path.startswith("/v2/"):
        return "open_inference"
    if path == "/v1/models" or path.startswith("/v1/models/"):
        return "cloud_events" if path.endswith(":predict") and _is_event(scope) else "kserve_v1"
    if path == "/info":
        return "tei"
    if path == "/events":
        return "cloud_events"
    if path == "/" and scope["method"] in {"POST", "OPTIONS"}:
        return "cloud_events" if scope["method"] == "OPTIONS" or _is_event(scope) else "hugging_face"
    # Wherever else it was delivered by mistake: a broker must be told so in the one way that ends it.
    return "cloud_events" if _is_event(scope) else None


def _is_event(scope: Scope) -> bool:
    """Whether the head is that of a CloudEvent: in binary mode its attributes are headers, else the type says it."""
    if scope["method"] != "POST":
        return False
    for name, value in scope["headers"]:  # no `any`: it is asked of every refusal
        if name[:3] == b"ce-" or (name == b"content-type" and value.lower().startswith(b"application/cloudevents")):
            return True
    return False


def path_below_root(scope: Scope) -> str:
    """The path as the routes know it; a proxy may or may not have cut off where the service lies below it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and (path == root or path.startswith(f"{root}/")) else path
