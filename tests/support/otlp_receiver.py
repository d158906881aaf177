"""An OTLP/HTTP receiver: decodes what arrives with the protocol's official messages and keeps it."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ResourceMetrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.trace.v1.trace_pb2 import Span


class OtlpReceiver:
    """Listens on a free port of the loopback interface; `status` is what it answers."""

    def __init__(self, port: int = 0) -> None:
        self.exports: list[ResourceMetrics] = []
        self.spans: list[Span] = []
        self.status = 200
        self.refused = 0
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for_exports(self, count: int) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.exports) >= count, timeout=300)

    def wait_for_refusals(self, count: int) -> None:
        with self._arrived:
            assert self._arrived.wait_for(lambda: self.refused >= count, timeout=300)

    def metrics(self, export: int = -1) -> dict[str, Metric]:
        """The metrics of one export by name."""
        return {metric.name: metric for scope in self.exports[export].scope_metrics for metric in scope.metrics}

    def total(self, name: str, export: int = -1, **labels: str) -> float:
        """The sum of a counter's points, or of a histogram's counts, over the series with these labels."""
        metric = self.metrics(export)[name]
        points: Any = metric.sum.data_points or metric.histogram.data_points
        return sum(  # type: ignore[no-any-return]  # the points are of three types without a common one
            point.count if metric.HasField("histogram") else point.as_double or point.as_int
            for point in points
            if labels.items() <= attributes(point.attributes).items()
        )

    def receive(self, path: str, body: bytes) -> None:
        with self._arrived:
            if path == "/v1/metrics":
                self.exports.extend(ExportMetricsServiceRequest.FromString(body).resource_metrics)
            else:
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    self.spans.extend(span for scope in resource.scope_spans for span in scope.spans)
            self._arrived.notify_all()

    def refuse(self) -> None:
        with self._arrived:
            self.refused += 1
            self._arrived.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                if receiver.status == 200:
                    receiver.receive(self.path, body)
                else:
                    receiver.refuse()
                self.send_response(receiver.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def attributes(pairs: "Iterable[KeyValue]") -> dict[str, str]:
    """Attribute values as text."""
    return {pair.key: str(_value(pair)) for pair in pairs}


def _value(pair: KeyValue) -> object:
    return getattr(pair.value, str(pair.value.WhichOneof("value")))
