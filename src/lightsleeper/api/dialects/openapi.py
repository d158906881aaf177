"""What the OpenAPI document says of the dialects. Imported when somebody asks for the document, with no dialect."""

from typing import Any

from lightsleeper.api.dialects.openapi_schemas import LABELS, SCHEMAS, STRING, list_of, ref
from lightsleeper.api.refusals import JSON, RETRY

EVENT = "application/cloudevents+json"

#: Always served, whatever the model is called besides.
_NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": "lightsleeper"}
_JSON_LENGTH = {
    "name": "Inference-Header-Content-Length",
    "in": "header",
    "required": False,
    "description": "Bytes of the JSON, where tensors follow it.",
    "schema": {"type": "integer", "minimum": 1},
}
_VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}

_WORDS = {
    400: "Something in the request cannot be answered; the message names it.",
    401: "No valid API key.",
    404: "No such model or version.",
    408: "The request took too long to arrive.",
    413: "The body is larger than the limit, as sent or once inflated.",
    414: "The URL is longer than any of ours.",
    415: "A content or character encoding, or another site's form, that is not read.",
    422: "Something in the request cannot be answered; the message names it.",
    424: "The model failed on this text.",
    429: "More than may be sent for now, or than can be queued.",
    431: "More headers, or larger ones, than a request may have.",
    500: "The model failed on this text.",
    503: "No room in the queue, or the process is ending.",
    504: "Not answered in time.",
}
_UNAUTHORIZED = 401

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Where keys are set; else none is needed."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same, in a header of its own."},
}
#: Any one of these; the empty one stands for a service without keys.
SECURITY: list[dict[str, list[str]]] = [{}, {"bearer": []}, {"key": []}]

_HEADERS = {
    "Server-Timing": {"description": "Milliseconds by stage.", "schema": STRING},
    "X-Cache": {"description": "hit, miss or partial.", "schema": STRING},
    "X-Instance-Id": {"description": "The process that answers.", "schema": STRING},
    "X-Request-Id": {"description": "The caller's, or a new one.", "schema": STRING},
    **{
        f"RateLimit-{name}": {"description": f"{what}, where there is a limit.", "schema": STRING}
        for name, what in (
            ("Limit", "Texts that one client may send in a window"),
            ("Remaining", "How many of them are left"),
            ("Reset", "Seconds until the window's end"),
            ("Policy", "The limit and the window"),
        )
    },
}

#: What the server itself answers, before any route.
_UNREAD = (400, 408, 414, 431)


_TEI_HEADERS = tuple(
    f"X-{name}"
    for name in (
        *("Compute-Type", "Compute-Time", "Compute-Characters", "Compute-Tokens"),
        *("Total-Time", "Tokenization-Time", "Queue-Time", "Inference-Time"),
    )
)


def _answer(schema: str, media_type: str = JSON) -> dict[str, Any]:
    return {"description": "The answer.", "content": {media_type: {"schema": ref(schema)}}, "headers": _HEADERS}


def _errors(statuses: tuple[int, ...], schema: str = "DialectError", *codes: str) -> dict[str, Any]:
    """`codes` are the headers that say the error again."""
    codes = codes or ("X-Error-Code",)
    always = {name: {"schema": STRING} for name in codes} | {"X-Request-Id": _HEADERS["X-Request-Id"]}
    retry = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    asks = {"WWW-Authenticate": {"description": "Bearer.", "schema": STRING}}
    return {
        str(status): {
            "description": _WORDS[status],
            "content": {JSON: {"schema": ref(schema)}},
            "headers": always | (retry if status in RETRY else asks if status == _UNAUTHORIZED else {}),
        }
        for status in sorted({*statuses, *_UNREAD})
    }


def _post(
    identity: str, summary: str, tag: str, asked: dict[str, str], answers: dict[str, Any], *parameters: dict[str, Any]
) -> dict[str, Any]:
    return {
        "operationId": identity,
        "summary": summary,
        "tags": [tag],
        "parameters": list(parameters),
        "security": SECURITY,
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": ref(schema)} for media_type, schema in asked.items()},
        },
        "responses": answers,
    }


def _get(identity: str, summary: str, tag: str, schema: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    statuses = (404, 503) if parameters else (503,)
    return {
        "operationId": identity,
        "summary": summary,
        "tags": [tag],
        "parameters": list(parameters),
        "responses": {"200": {"description": "The answer.", "content": {JSON: {"schema": ref(schema)}}}}
        | _errors(statuses),
    }


def _probe(identity: str) -> dict[str, Any]:
    return {
        "operationId": identity,
        "summary": "What may be sent; a webhook sender's question for consent",
        "tags": ["CloudEvents"],
        "responses": {"200": {"description": "In the headers."}},
    }


_HUGGING_FACE_ERRORS = (401, 413, 415, 422, 429, 500, 503, 504)
_BAD_REQUEST_ERRORS = (400, 401, 404, 413, 415, 429, 500, 503, 504)
_EVENT_ERRORS = (400, 401, 413, 415, 429, 500, 503, 504)


def describe(document: dict[str, Any]) -> None:
    """Add every route of every dialect to the document of our own, and the keys to both."""
    document["components"]["schemas"] |= SCHEMAS
    document["components"]["securitySchemes"] = SECURITY_SCHEMES
    for path, operations in _paths().items():
        document["paths"].setdefault(path, {}).update(operations)
    predict = document["paths"]["/predict"]["post"]
    predict["security"] = SECURITY
    _either(predict["requestBody"], ref("TeiRequest"))
    answers: dict[str, Any] = predict["responses"]
    _either(answers["200"], list_of(LABELS), LABELS)
    answers["200"]["headers"] = _HEADERS | {name: {"schema": STRING} for name in _TEI_HEADERS}
    answers |= _errors((424,), "TeiError")
    for status in (401, *_UNREAD, 413, 415, 422, 429, 500, 503, 504):
        answers[str(status)] = answers.get(str(status), {}) | _errors((status,), "ErrorResponse")[str(status)]
        _either(answers[str(status)], ref("TeiError"))


def _either(described: dict[str, Any], *others: dict[str, Any]) -> None:
    """Of a request or an answer in JSON: as it was described, or one of `others`."""
    content = described["content"][JSON]
    content["schema"] = {"anyOf": [content["schema"], *others]}


def _paths() -> dict[str, Any]:
    labels = {JSON: {"schema": list_of(LABELS)}}
    prediction = {"200": {"description": "A list of labels per text.", "content": labels, "headers": _HEADERS}}
    event = {"200": _answer("PredictionEvent", EVENT), "202": {"description": "Accepted; no reply was asked for."}}
    prefer = {"name": "Prefer", "in": "header", "required": False, "schema": STRING, "example": "reply"}
    documented: dict[str, Any] = {
        "/": {
            "get": {
                "operationId": "alive",
                "summary": "The page for browsers, for others a sign of life",
                "responses": {
                    "200": {
                        "description": "The page, or a sign of life.",
                        "content": {JSON: {"schema": ref("Anything")}, "text/html": {}},
                    }
                },
            },
            "options": _probe("probe"),
            "post": _post(
                "hugging_face",
                "Classify texts, as Hugging Face's clients ask; or an event, as Knative delivers it",
                "Hugging Face",
                {JSON: "HuggingFaceRequest"},
                {**prediction, **_errors(_HUGGING_FACE_ERRORS, "DialectError", "X-Error-Code", "X-Error-Message")},
            ),
        },
        "/info": {"get": _get("tei_info", "What answers here", "text-embeddings-inference", "TeiInfo")},
        "/events": {
            "post": _post(
                "events",
                "Answer a CloudEvent with one, or with nothing",
                "CloudEvents",
                {EVENT: "CloudEvent"},
                {**event, **_errors(_EVENT_ERRORS)},
                prefer,
            ),
            "options": _probe("events_probe"),
        },
    }
    return documented | _open_inference() | _kserve_v1()


def _open_inference() -> dict[str, Any]:
    tag = "Open Inference Protocol"
    documented = {
        "/v2": {"get": _get("v2_server", "What speaks the protocol", tag, "Anything")},
        "/v2/health/live": {"get": _get("v2_live", "Is the process alive?", tag, "Anything")},
        "/v2/health/ready": {"get": _get("v2_ready", "Can it answer now?", tag, "Anything")},
        "/v2/models": {"get": _get("v2_models", "The model's name", tag, "Anything")},
    }
    answers = {"200": _answer("InferResponse"), **_errors(_BAD_REQUEST_ERRORS)}
    # JSON and then tensors, for who asked for them; then a header tells where the JSON ends.
    answers["200"]["content"]["application/octet-stream"] = {}
    answers["200"]["headers"] = _HEADERS | {_JSON_LENGTH["name"]: {"schema": _JSON_LENGTH["schema"]}}
    for suffix, parameters in (("", (_NAME,)), ("_version", (_NAME, _VERSION))):
        path = "/v2/models/{name}" + ("/versions/{version}" if suffix else "")
        documented |= {
            path: {"get": _get(f"v2_model{suffix}", "What goes in and comes out", tag, "Anything", *parameters)},
            f"{path}/ready": {"get": _get(f"v2_model{suffix}_ready", "Is it ready?", tag, "Anything", *parameters)},
            f"{path}/infer": {
                "post": _post(f"v2_infer{suffix}", "Infer", tag, {JSON: "InferRequest"}, answers, *parameters)
            },
        }
    return documented


def _kserve_v1() -> dict[str, Any]:
    tag = "KServe v1, TensorFlow Serving, Vertex AI"
    documented = {"/v1/models": {"get": _get("v1_models", "The model's name", tag, "Anything")}}
    for suffix, parameters in (("", (_NAME,)), ("_version", (_NAME, _VERSION))):
        path = "/v1/models/{name}" + ("/versions/{version}" if suffix else "")
        documented[path] = {"get": _get(f"v1_model{suffix}", "Its state", tag, "Anything", *parameters)}
        for verb, asked, answer in (
            ("predict", "KserveRequest", "KserveResponse"),
            ("classify", "ClassifyRequest", "ClassifyResponse"),
        ):
            answers = {"200": _answer(answer), **_errors(_BAD_REQUEST_ERRORS)}
            operation = _post(f"v1_{verb}{suffix}", verb.capitalize(), tag, {JSON: asked}, answers, *parameters)
            documented[f"{path}:{verb}"] = {"post": operation}
    return documented
