"""Spans of a request's stages, made after the fact from the timings it has anyway: nothing is paid for while off.

Attributes are what this module sets, and nothing else: none holds what a caller sent.
"""

import random
import re
import time
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from ipaddress import ip_address, ip_network
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TracerProvider,
    set_span_in_context,
    use_span,
)

from lightsleeper.model.prediction import Classification, Logits
from lightsleeper.telemetry.metrics import named_method
from lightsleeper.telemetry.request_metrics import ERROR_CODE, NotingStatus, route_of

#: Nobody traces the platform's probes.
_UNTRACED = ("/livez", "/readyz", "/health")

#: https://www.w3.org/TR/trace-context/#traceparent-header: what is not that must be ignored, and what a later version
#: appends is no flag. Ids of zeros name nothing.
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})-"
    rb"[0-9a-f](?P<last>[0-9a-f])(-.*)?"
)
_ODD_DIGITS = frozenset(b"%x" % digit for digit in range(1, 16, 2))


class Traced:
    """Gives a request a server span: if a trusted caller traces it, or with the probability `ratio` if none says.

    Pure ASGI on OpenTelemetry's API. The stock instrumentation takes over what a stranger sends: the URL with its
    query, `user-agent`, `Host`, `tracestate`; and it costs 130 µs of CPU for a request that it does not trace.
    """

    def __init__(self, app: Any, tracers: TracerProvider, ratio: float, trusted: Sequence[str]) -> None:  # noqa: ANN401  # ASGI
        """`trusted` are addresses and networks; who has no address is on this machine, and trusted as well."""
        self._app = app
        self._tracer = tracers.get_tracer("lightsleeper")
        self._ratio = ratio
        self._trusted = tuple(map(ip_network, trusted))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # see ASGI
        """See ASGI."""
        if scope["type"] != "http" or scope["path"].endswith(_UNTRACED):
            await self._app(scope, receive, send)
            return
        caller = self._caller(scope)
        if caller.trace_flags.sampled if caller else random.random() < self._ratio:  # noqa: S311  # nothing secret
            await self._trace(caller, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _trace(self, caller: SpanContext | None, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # see ASGI
        noting = NotingStatus(send)
        method = named_method(scope["method"])
        span = self._tracer.start_span(
            method,
            context=set_span_in_context(NonRecordingSpan(caller)) if caller else Context(),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.scheme": scope["scheme"]},
        )
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                await self._app(scope, receive, noting)
            finally:
                span.set_attributes(dict(_outcome(scope, noting.status)))
                if route := route_of(scope):
                    span.update_name(f"{method} {route}")
                if noting.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    span.set_status(StatusCode.ERROR)

    def _caller(self, scope: Any) -> SpanContext | None:  # noqa: ANN401  # see ASGI
        """The caller's span, if it says so in a `traceparent` that is one, and may."""
        for name, value in scope["headers"]:
            if name == b"traceparent" and (found := _TRACEPARENT.fullmatch(value)) and self._trusts(scope["client"]):
                flags = TraceFlags(TraceFlags.SAMPLED if found["last"] in _ODD_DIGITS else TraceFlags.DEFAULT)
                return SpanContext(int(found["trace"], 16), int(found["span"], 16), is_remote=True, trace_flags=flags)
        return None

    def _trusts(self, client: tuple[str, int] | None) -> bool:
        try:
            address = ip_address(client[0] if client else "")
        except ValueError:
            return True
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._trusted)


def _outcome(scope: Any, status: int) -> Iterator[tuple[str, str | int]]:  # noqa: ANN401  # see ASGI
    """All that a server span says of its answer."""
    yield "http.response.status_code", status
    if route := route_of(scope):
        yield "http.route", route
    if error := scope.get(ERROR_CODE):
        yield "error.type", error


def origin() -> SpanContext | None:
    """Who is asking: the span context of this request, if it is sampled."""
    context = trace.get_current_span().get_span_context()
    return context if context.trace_flags.sampled else None


class Spans:
    """Observes the classifier and the batcher."""

    #: For the batcher, which keeps it with each text.
    origin = staticmethod(origin)

    def __init__(self, tracers: TracerProvider) -> None:
        """Spans go where `tracers` sends them."""
        self._tracer = tracers.get_tracer("lightsleeper")

    def classified(self, answer: Classification, fresh: Sequence[Logits], started_s: float) -> None:  # noqa: ARG002  # `metrics`'s
        """One span per stage of the request, under its server span."""
        if origin() is None:
            return
        end_ns = time.time_ns() - round((time.perf_counter() - started_s) * 1e9)
        # Not by `fresh`: an explanation of a text that a cache holds computes only what `fresh` leaves out.
        stages = ["tokenize", "cache", *(["queue", "inference"] if answer.timings.inference_s else [])]
        for stage in stages:
            start_ns, end_ns = end_ns, end_ns + round(getattr(answer.timings, f"{stage}_s") * 1e9)
            self._tracer.start_span(
                stage, start_time=start_ns, attributes={"lightsleeper.texts": len(answer.logits)}
            ).end(end_ns)

    def batch(
        self,
        *,
        items: int,
        cost: int,
        queue_s: Sequence[float],  # noqa: ARG002  # `metrics`'s
        run_s: float,
        origins: Sequence[object],
    ) -> None:
        """One span per batch: in the first sampled request's trace, linked to the requests of all its texts."""
        contexts = list({each.span_id: each for each in origins if isinstance(each, SpanContext)}.values())
        if not contexts:
            return
        end_ns = time.time_ns()
        self._tracer.start_span(
            "batch",
            context=set_span_in_context(NonRecordingSpan(contexts[0])),
            links=[Link(context) for context in contexts],
            start_time=end_ns - round(run_s * 1e9),
            attributes={"lightsleeper.texts": items, "lightsleeper.tokens": cost},
        ).end(end_ns)
