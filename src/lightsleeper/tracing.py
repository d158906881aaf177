"""Spans of a request's stages, made after the fact from the timings it has anyway: nothing is paid for while off.

The server span, and the W3C context that Knative's activator and queue-proxy hand on, are
`opentelemetry-instrumentation-fastapi`'s work; it is imported only when tracing is switched on.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TracerProvider, set_span_in_context

from lightsleeper.prediction import Classification, Logits

#: Nobody traces the platform's probes.
_UNTRACED = "livez,readyz,health"


def instrument(app: Any, tracers: TracerProvider) -> None:  # noqa: ANN401  # a FastAPI, which this layer does not know
    """Give every request to `app` a server span that continues the caller's trace."""
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor  # noqa: PLC0415  # 0.2 s of a wake
    from opentelemetry.metrics import NoOpMeterProvider  # noqa: PLC0415  # see above

    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=tracers,
        meter_provider=NoOpMeterProvider(),  # `request_metrics` measures requests
        excluded_urls=_UNTRACED,
        exclude_spans=["receive", "send"],
    )


def origin() -> SpanContext | None:
    """Who is asking: the span context of this request, if it is sampled."""
    context = trace.get_current_span().get_span_context()
    return context if context.trace_flags.sampled else None


class Spans:
    """Observes the classifier and the batcher."""

    def __init__(self, tracers: TracerProvider) -> None:
        """Spans go where `tracers` sends them."""
        self._tracer = tracers.get_tracer("lightsleeper")

    def classified(self, answer: Classification, fresh: Sequence[Logits], started_s: float) -> None:
        """One span per stage of the request, under its server span."""
        if origin() is None:
            return
        end_ns = time.time_ns() - round((time.perf_counter() - started_s) * 1e9)
        stages = ["tokenize", "cache", *(["queue", "inference"] if fresh else [])]
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
