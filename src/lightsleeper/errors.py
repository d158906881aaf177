"""Everything that can go wrong, sorted by who can mend it. No HTTP here: `api` holds the one class → status table.

LightsleeperError
├── ConfigurationError      the deployer: a setting cannot work; the process exits before it listens
├── BundleError             the model's maker: a bundle is not what its manifest says; the process exits
├── RequestError            the caller: the request cannot be answered as it is
│   ├── MalformedRequest        not HTTP, or HTTP that two readers could read in two ways
│   ├── HeadTooLarge            more headers, or larger ones, than a request may have
│   ├── UrlTooLong              a longer URL than any of ours
│   ├── TooSlow                 the request did not arrive in the time a request may take
│   ├── Unauthorized            no valid API key
│   ├── RateLimited             more texts than one client may send for now
│   ├── InvalidInput            a field's value is not what its documentation allows
│   ├── BodyTooLarge            more bytes than a body may have
│   ├── UnsupportedMediaType    a body in a form that this path does not read
│   ├── MethodNotAllowed        another verb
│   ├── UnknownMethod           no verb
│   └── NotFound                no such path
└── ServiceError            nobody's fault: try again
    ├── Overloaded              the queue is full
    ├── DeadlineExceeded        the answer took longer than a request may
    ├── ShuttingDown            the process is draining
    └── EngineFailed            the model raised; only this batch is affected
"""

#: Characters of a name that a stranger chose, in a message: enough to find it.
_ECHOED_CHARS = 100


def shortened(name: str) -> str:
    """`name`, cut so that an answer is never as long as what it complains about."""
    return name if len(name) <= _ECHOED_CHARS else f"{name[: _ECHOED_CHARS - 1]}…"


def forget_frames(error: BaseException | None) -> None:
    """Let go of what the functions that `error` went through held, and those of whatever it came from: it is answered.

    A future or a variable of one of them may hold the error, and then all of it, bodies and texts, would stay until a
    full collection: 100 requests of 2 kB, inflated, took 640 MB, which a pod of 512 MiB does not live to collect.
    """
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


class LightsleeperError(Exception):
    """The root. `code` is stable and machine-readable; the message is for people and never holds input text."""

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        limit: float | None = None,
        retry_after_s: float | None = None,
        code: str | None = None,
    ) -> None:
        """`field` names the offending part of the request, `limit` the number it broke."""
        super().__init__(message)
        self.message = message
        self.field = field
        self.limit = limit
        self.retry_after_s = retry_after_s
        self.code = code or self.code


class ConfigurationError(LightsleeperError):
    """A setting is unknown, unparseable or out of range."""

    code = "bad_configuration"


class BundleError(LightsleeperError):
    """A model bundle is missing a file, has a wrong digest, or cannot be made."""

    code = "bad_bundle"


class RequestError(LightsleeperError):
    """The caller has to change the request."""

    code = "bad_request"


class MalformedRequest(RequestError):
    """The request is not HTTP, or its end can be read in more than one way: the connection is closed."""

    code = "malformed_request"


class HeadTooLarge(RequestError):
    """The head, or what follows a chunked body, has more headers or bytes than the limit."""

    code = "head_too_large"


class UrlTooLong(RequestError):
    """The URL has more bytes than the limit."""

    code = "url_too_long"


class TooSlow(RequestError):
    """The head or the body did not arrive in time."""

    code = "request_too_slow"


class Unauthorized(RequestError):
    """API keys are required, and the request has none that is known."""

    code = "unauthorized"


class RateLimited(RequestError):
    """The client has sent more texts than it may in one window; later ones are welcome."""

    code = "rate_limited"


class InvalidInput(RequestError):
    """A field is missing, unknown, of the wrong type, or breaks a limit."""

    code = "invalid_input"


class BodyTooLarge(RequestError):
    """The body has more bytes than the limit."""

    code = "body_too_large"


class UnsupportedMediaType(RequestError):
    """The body's type, charset or encoding is none that is read at this path."""

    code = "unsupported_media_type"


class MethodNotAllowed(RequestError):
    """The path exists, but not for this verb."""

    code = "method_not_allowed"


class UnknownMethod(RequestError):
    """The verb is none that HTTP knows."""

    code = "method_not_implemented"


class NotFound(RequestError):
    """There is nothing at this path."""

    code = "not_found"


class ServiceError(LightsleeperError):
    """The same request may succeed later or elsewhere."""

    code = "service_error"


class Overloaded(ServiceError):
    """The queue holds as much as it may; answered at once, before any work."""

    code = "overloaded"


class DeadlineExceeded(ServiceError):
    """The answer was not ready in time; its queued work was dropped."""

    code = "deadline_exceeded"


class ShuttingDown(ServiceError):
    """The process no longer takes work."""

    code = "shutting_down"


class EngineFailed(ServiceError):
    """The model raised while it ran this text's batch."""

    code = "engine_failed"
