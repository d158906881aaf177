"""Spans of a request's stages, made after the fact from the timings it has anyway: nothing is paid for while off.

The server span, and the W3C context that Knative's activator and queue-proxy hand on, are
`opentelemetry-instrumentation-fastapi`'s work; it is imported only when tracing is switched on.
"""

import random
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TracerProvider, set_span_in_context

from lightsleeper.model.prediction import Classification, Logits

#: Nobody traces the platform's probes.
_UNTRACED = "livez,readyz,health"

#: https://www.w3.org/TR/trace-context/#traceparent-header: what is not that must be ignored, and what a later version
#: appends is no flag. Ids of zeros name nothing.
_TRACEPARENT = re.compile(
    rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f](?P<last>[0-9a-f])(-.*)?"
)
_ODD_DIGITS = frozenset(b"%x" % digit for digit in range(1, 16, 2))


def instrument(app: Any, tracers: TracerProvider, ratio: float) -> None:  # noqa: ANN401  # a FastAPI, which this layer does not know
    """Give traced requests to `app` a server span: those whose caller traces them, and `ratio` of those without one."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415  # 0.2 s of a wake
    from opentelemetry.metrics import NoOpMeterProvider  # noqa: PLC0415  # see above

    bare = app.build_middleware_stack
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=tracers,
        meter_provider=NoOpMeterProvider(),  # `request_metrics` measures requests
        excluded_urls=_UNTRACED,
        exclude_spans=["receive", "send"],
    )
    instrumented = app.build_middleware_stack
    app.build_middleware_stack = lambda: _Sampled(bare(), instrumented(), ratio)


class _Sampled:
    """Decides before anything is paid: the instrumentation costs 130 µs of CPU for a request that it does not trace."""

    def __init__(self, bare: Any, instrumented: Any, ratio: float) -> None:  # noqa: ANN401  # ASGI applications
        self._bare = bare
        self._instrumented = instrumented
        self._ratio = ratio

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # see ASGI
        if scope["type"] == "http" and self._traced(scope["headers"]):
            await self._instrumented(scope, receive, send)
        else:
            await self._bare(scope, receive, send)

    def _traced(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """The caller's decision, the flag `sampled` of a `traceparent` that is one; without it, the dice's."""
        for name, value in headers:
            if name == b"traceparent" and (caller := _TRACEPARENT.fullmatch(value)):
                return caller["last"] in _ODD_DIGITS
        return random.random() < self._ratio  # noqa: S311  # nothing secret


def origin() -> SpanContext | None:
    """Who is asking: the span context of this request, if it is sampled."""
    context = trace.get_current_span().get_span_context()
    return context if context.trace_flags.sampled else None


class Spans:
    """Observes the classifier and the batcher."""

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
        contexts = list({context.span_id: context for context in _contexts(origins)}.values())
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


def _contexts(origins: Sequence[object]) -> Iterator[SpanContext]:
    yield from (origin for origin in origins if isinstance(origin, SpanContext))
