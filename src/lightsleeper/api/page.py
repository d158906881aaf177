"""The page at `/`: static files from `web/`, served from memory under a strict content security policy.

Every address in them is relative, so the page works below any path that ends in a slash.
"""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.direct_route import DirectRoute
from lightsleeper.api.refusals import JSON
from lightsleeper.errors import NotFound, shortened

_FOLDER = Path(__file__).parents[1] / "web"
_INDEX = "index.html"
_DOCS = "docs/index.html"

#: Swagger UI, as a package brings it: FastAPI's own page has browsers load it from a network of others.
_SWAGGER_UI = "fastapi_swagger"
_SWAGGER_UI_FILES = ("swagger-ui-bundle.js", "swagger-ui.css")

#: Nothing from elsewhere, nothing inline, nobody frames it. https://www.w3.org/TR/CSP3/
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: Swagger UI's style sheet holds its icons.
_DOCS_POLICY = _POLICY.replace("img-src 'self'", "img-src 'self' data:")

_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # Asked for again each time, answered with 304 by the digest: a new release is seen at once.
    "cache-control": "no-cache",
}


class _File(NamedTuple):
    content: bytes
    media_type: str
    etag: str


async def index(request: Request) -> Response:
    """The page for who can show it, else a sign of life, which KServe's clients read and others' probes count."""
    if "text/html" in request.headers.get("accept", ""):
        response = _respond(request, _files()[_INDEX])
    else:
        response = Response(b'{"status":"alive"}', media_type=JSON)
    response.headers["vary"] = "accept"
    return response


async def docs(request: Request) -> Response:
    """`/openapi.json` for people, who can try each request."""
    response = _respond(request, _files()[_DOCS])
    response.headers["content-security-policy"] = _DOCS_POLICY
    return response


async def asset(request: Request) -> Response:
    """A file of the page; only names that were there at the start exist."""
    name = request.path_params["name"]
    file = _files().get(name)
    if file is None:
        raise NotFound(f"the page has no file {shortened(name)!r}")
    return _respond(request, file)


@cache
def _files() -> dict[str, _File]:
    """Read at the first visit, about 2 MB: a wake that answers an API call does not pay for it."""
    ours = {path.relative_to(_FOLDER).as_posix(): _read(path) for path in _FOLDER.rglob("*") if path.is_file()}
    package = find_spec(_SWAGGER_UI)  # looked up and not imported: its code has no part in this
    folders = package.submodule_search_locations if package else None
    assert folders  # noqa: S101  # it is a dependency
    theirs = {f"docs/{name}": _read(Path(folders[0], "resources", name)) for name in _SWAGGER_UI_FILES}
    return {**ours, **theirs}


def _read(path: Path) -> _File:
    import mimetypes  # noqa: PLC0415  # see `_files`

    content = path.read_bytes()
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _File(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _respond(request: Request, file: _File) -> Response:
    headers = {**_HEADERS, "etag": file.etag}
    if file.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(file.content, media_type=file.media_type, headers=headers)


#: Beside the dialects' routes at `/`.
ROUTES = [DirectRoute("/", index), DirectRoute("/docs", docs), DirectRoute("/web/{name:path}", asset)]
