"""What leaves the process: OTLP to a collector, a Prometheus page of its own. The only module that knows the SDK.

Imported when an output is configured and not otherwise: the SDK takes 20 ms of a wake's CPU. What speaks OTLP, protobuf
and an HTTP client, takes 70 ms more; it is imported once the first request has had its turn.

The SDK itself reads the standard variables for headers, certificates, compression, time-outs, `OTEL_SERVICE_NAME` and
`OTEL_RESOURCE_ATTRIBUTES`. `OTEL_METRIC_EXPORT_INTERVAL` is not read: its default of a minute is longer than pods live.
"""

import asyncio
import logging
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from lightsleeper import __version__
from lightsleeper.errors import ConfigurationError
from lightsleeper.telemetry.exporter_variables import check_exporter_variables
from lightsleeper.telemetry.instruments import Histogram, Instrument

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.trace import TracerProvider

log = logging.getLogger("lightsleeper")

#: Reading every counter takes 2 ms. Whatever goes wrong there may delay a wake by this much, and no more.
ANNOUNCE_TIMEOUT_S = 0.25
#: The answer that a process was woken for comes before its first export: both need the same CPU.
FIRST_EXPORT_DELAY_S = 0.25
#: What the last export gets at shutdown, after the last request was answered.
FLUSH_TIMEOUT_S = 3.0


class Telemetry:
    """The outputs of one process. Threads of its own do the work; nothing here waits for a collector without bound."""

    def __init__(
        self,
        *,
        otlp_endpoint: str | None,
        export_interval_s: float,
        metrics_address: tuple[str, int] | None,
        traces: bool,
        instance_id: str,
    ) -> None:
        """Open what is configured; ConfigurationError if the metrics port cannot be had, or a variable cannot be right.

        `otlp_endpoint` is the base URL, to which spans go too if there are `traces`.
        """
        if otlp_endpoint:
            check_exporter_variables()
        self._histograms = _Histograms()
        self._resource = _resource(instance_id)
        self._page = _Page(self._histograms, *metrics_address) if metrics_address else None
        self._exporter = _MetricExporter(otlp_endpoint, self._histograms) if otlp_endpoint else None
        self._push = PeriodicExportingMetricReader(self._exporter, export_interval_s * 1e3) if self._exporter else None
        self._meters = MeterProvider(
            [*([self._page.reader] if self._page else []), *([self._push] if self._push else [])],
            resource=self._resource,
            shutdown_on_exit=False,
        )
        self.tracers = self._open_tracers(otlp_endpoint) if otlp_endpoint and traces else None

    @property
    def meter(self) -> "Meter":
        """Creates the instruments."""
        return self._meters.get_meter("lightsleeper")

    @property
    def metrics_port(self) -> int | None:
        """The port of the Prometheus page."""
        return self._page.port if self._page else None

    async def announce(self, histograms: Callable[[], Sequence[Histogram]]) -> None:
        """Take every counter and histogram at zero, before the first request; they leave a moment later.

        `histograms` is asked for its series at each export, in the exporting thread.

        `increase()` sees only differences between two samples: a series that begins at 5 has increased by nothing.
        """
        self._histograms.begin(histograms)
        push, exporter = self._push, self._exporter
        if push is None or exporter is None:
            return

        def flush() -> None:
            push.force_flush()
            exporter.began.set()  # with OTEL_SDK_DISABLED there is nothing to export, and nobody has said so yet

        threading.Thread(target=flush, name="announce", daemon=True).start()
        await asyncio.to_thread(exporter.began.wait, ANNOUNCE_TIMEOUT_S)

    async def close(self) -> None:
        """Export what was measured since the last time, for at most `FLUSH_TIMEOUT_S`."""
        await _bounded(self._shut_down, FLUSH_TIMEOUT_S)

    def _shut_down(self) -> None:
        self._meters.shutdown(timeout_millis=FLUSH_TIMEOUT_S * 1e3)
        if self.tracers:
            self.tracers.shutdown()
        if self._page:
            self._page.close()

    def _open_tracers(self, endpoint: str) -> "TracerProvider":
        # Not part of a wake with tracing off, which is the default.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  # if wanted
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # see above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # see above
        from opentelemetry.sdk.trace.sampling import DEFAULT_ON  # noqa: PLC0415  # see above

        # `tracing` chooses the requests, before they cost anything.
        tracers = TracerProvider(sampler=DEFAULT_ON, resource=self._resource, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))
        return tracers


def _resource(instance_id: str) -> Resource:
    """Who reports; first comes what the deployer says in `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`."""
    # Set by Knative in every container it runs; the names are those of Knative's own telemetry.
    knative = {"kn.service.name": "K_SERVICE", "kn.revision.name": "K_REVISION"}
    ours = {
        "service.name": "lightsleeper",
        "service.version": __version__,
        "service.instance.id": instance_id,
        **{name: os.environ[variable] for name, variable in knative.items() if variable in os.environ},
    }
    # Handed over again: to the SDK what is given in code counts for more than what stands in the environment.
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})


class _Delivery:
    """Says once that the collector is away, and once that it is back."""

    def __init__(self, endpoint: str) -> None:
        # Without what comes before the @ and after the ?: an address may hold a password.
        self._endpoint = re.sub(r"//[^/?#]*@", "//", endpoint.partition("?")[0])
        self._arriving = True
        # Its exporters say it on every attempt, several times.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)

    def report(self, *, arrived: bool) -> None:
        if arrived and not self._arriving:
            log.info("metrics arrive again at %s", self._endpoint)
        if self._arriving and not arrived:
            log.warning("metrics do not arrive at %s; counts are kept and sent when it answers", self._endpoint)
        self._arriving = arrived


class _Histograms:
    """Adds what `metrics` has counted in lists of its own to what the SDK has collected."""

    def __init__(self) -> None:
        self._since_ns = time.time_ns()
        self._read: Callable[[], Sequence[Histogram]] = list

    def begin(self, read: Callable[[], Sequence[Histogram]]) -> None:
        self._read = read

    def join(self, data: MetricsData) -> MetricsData:
        """`data`, which has one resource and one scope as this process has, with a metric per instrument more."""
        if not data.resource_metrics:
            return data
        (resource,) = data.resource_metrics
        (scope,) = resource.scope_metrics
        ours = [self._metric(*each) for each in groupby(self._read(), key=lambda series: series.instrument)]
        return MetricsData([replace(resource, scope_metrics=[replace(scope, metrics=[*scope.metrics, *ours])])])

    def _metric(self, instrument: Instrument, series: Iterable[Histogram]) -> Metric:
        points = [self._point(each) for each in series]
        data = HistogramData(points, AggregationTemporality.CUMULATIVE)
        return Metric(instrument.name, instrument.description, instrument.unit, data)

    def _point(self, series: Histogram) -> HistogramDataPoint:
        counts = series.counts.copy()
        return HistogramDataPoint(
            attributes=series.labels,
            start_time_unix_nano=self._since_ns,
            time_unix_nano=time.time_ns(),
            count=sum(counts),
            sum=series.sum,
            bucket_counts=counts,
            explicit_bounds=series.instrument.buckets,
            min=None,  # type: ignore[arg-type]  # optional in the protocol
            max=None,  # type: ignore[arg-type]  # see above
        )


class _MetricExporter(MetricExporter):
    """Cumulative, as the SDK's default is: a lost export is made good by the next."""

    def __init__(self, endpoint: str, histograms: _Histograms) -> None:
        super().__init__()
        self._url = f"{endpoint.rstrip('/')}/v1/metrics"
        self._histograms = histograms
        self._delivery = _Delivery(endpoint)
        self._otlp: MetricExporter | None = None
        #: Set once the first export has read everything.
        self.began = threading.Event()

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object) -> MetricExportResult:
        joined = self._histograms.join(metrics_data)
        self.began.set()
        self._otlp = self._otlp or self._open()
        result = self._otlp.export(joined, timeout_millis, **kwargs)
        self._delivery.report(arrived=result is MetricExportResult.SUCCESS)
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._otlp is None or self._otlp.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        if self._otlp:
            self._otlp.shutdown(timeout_millis, **kwargs)

    def _open(self) -> MetricExporter:
        time.sleep(FIRST_EXPORT_DELAY_S)
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415  # late

        # Short, unless somebody said otherwise: the next export holds everything that this one did not deliver.
        timeout_s = None if "OTEL_EXPORTER_OTLP_TIMEOUT" in os.environ else FLUSH_TIMEOUT_S
        return OTLPMetricExporter(self._url, timeout=timeout_s)


class _Page:
    """The Prometheus page, on a port and a thread of its own.

    Never on the traffic port: there a scrape passes Knative's queue-proxy, counts as traffic, and keeps the pod awake.
    """

    def __init__(self, histograms: _Histograms, host: str, port: int) -> None:
        # 35 ms of a wake that only those pay who ask for the page.
        from opentelemetry.exporter.prometheus import PrometheusMetricReader  # noqa: PLC0415  # only if wanted
        from prometheus_client import CollectorRegistry, make_wsgi_app  # noqa: PLC0415  # see above

        from lightsleeper.telemetry.scrape_server import ScrapeServer  # noqa: PLC0415  # see above

        class Reader(PrometheusMetricReader):
            def _receive_metrics(self, metrics_data: MetricsData, *args: float, **kwargs: float) -> None:
                super()._receive_metrics(histograms.join(metrics_data), *args, **kwargs)

        registry = CollectorRegistry()
        self.reader = Reader(registry=registry, scope_info_enabled=False)
        try:
            self._server = ScrapeServer(host, port, make_wsgi_app(registry))
        except OSError as error:
            raise ConfigurationError(f"LIGHTSLEEPER_METRICS_PORT: port {port}: {error.strerror}") from error
        self.port = self._server.server_port

    def close(self) -> None:
        self._server.close()


async def _bounded(work: Callable[[], object], timeout_s: float) -> None:
    """Wait for `work` in a thread for at most `timeout_s`; a daemon, so that it cannot hold up the exit either."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def run() -> None:
        try:
            work()
        finally:
            with suppress(RuntimeError):  # the loop is gone: nobody waited
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=run, name="telemetry", daemon=True).start()
    with suppress(TimeoutError):
        await asyncio.wait_for(done.wait(), timeout_s)
