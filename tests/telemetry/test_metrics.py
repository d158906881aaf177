"""What is counted, read back through the SDK's own in-memory reader."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from lightsleeper.model.head import MANY_LABELS, ONE_LABEL, REGRESSION, SCORE, Head
from lightsleeper.model.prediction import Classification, Timings
from lightsleeper.telemetry.instruments import INSTRUMENTS, REQUEST_DURATION, Histogram, Instrument
from lightsleeper.telemetry.metrics import Identity, Metrics

IDENTITY = Identity("a/model", "d1", "1.2.3", Head(ONE_LABEL, ("NEGATIVE", "POSITIVE")), workers=3)


class Measured:
    """Metrics of its own, and what an exporter would see of them."""

    def __init__(self, head: Head = IDENTITY.head) -> None:
        self._reader = InMemoryMetricReader()
        self.provider = MeterProvider([self._reader], shutdown_on_exit=False)
        self.metrics = Metrics(self.provider.get_meter("test"), replace(IDENTITY, head=head))

    def points(self, name: str) -> list[Any]:
        data = self._reader.get_metrics_data()
        metrics = data.resource_metrics[0].scope_metrics[0].metrics if data else []
        return [point for metric in metrics if metric.name == name for point in metric.data.data_points]

    def histograms(self, name: str) -> list[Histogram]:
        """The series of one histogram that have measurements."""
        return [each for each in self.metrics.histograms() if each.instrument.name == name and any(each.counts)]

    def values(self, name: str) -> dict[tuple[Any, ...], float]:
        return {tuple(point.attributes.values()): point.value for point in self.points(name)}


@pytest.fixture
def measured() -> Iterator[Measured]:
    """Fresh instruments."""
    measured = Measured()
    yield measured
    measured.provider.shutdown()


def answer(*logits: tuple[float, ...], truncated: tuple[int, ...] = ()) -> Classification:
    return Classification(logits=logits, truncated=truncated, hits=0, timings=Timings())


def end(measured: Measured, status: int = 200, method: str = "POST", error: str | None = None) -> dict[str, Any]:
    measured.metrics.request_began()
    measured.metrics.request_ended(method, "http", status, "/predict", error=error, dialect="native", duration_s=0.0123)
    (series,) = measured.histograms("http.server.request.duration")
    assert sum(series.counts) == 1
    return dict(series.labels)


def test_a_request_is_labelled_as_the_semantic_conventions_ask(measured: Measured) -> None:
    assert end(measured) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.response.status_code": 200,
        "http.route": "/predict",
        "lightsleeper.dialect": "native",
    }


def test_a_method_nobody_knows_is_other_so_that_clients_cannot_add_series(measured: Measured) -> None:
    assert end(measured, method="BREW")["http.request.method"] == "_OTHER"


def test_an_error_of_ours_names_its_code(measured: Measured) -> None:
    assert end(measured, status=503, error="overloaded")["error.type"] == "overloaded"


def test_an_error_of_the_callers_is_no_error_type(measured: Measured) -> None:
    assert "error.type" not in end(measured, status=422, error="invalid_input")


def test_rejections_are_counted_by_reason_and_start_at_zero(measured: Measured) -> None:
    assert measured.values("lightsleeper.rejections")[("overloaded",)] == 0
    end(measured, status=503, error="overloaded")
    assert measured.values("lightsleeper.rejections")[("overloaded",)] == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "outcome",
    [
        (200, "/predict", None, "native"),
        (413, "/predict", "body_too_large", "native"),
        (422, "/predict", "invalid_input", "native"),
        (429, "/predict", "rate_limited", "native"),
        (500, "/predict", "engine_failed", "native"),
        (500, "/predict", "internal", "native"),
        (503, "/predict", "overloaded", "native"),
        (503, "/predict", "shutting_down", "native"),
        (504, "/predict", "deadline_exceeded", "native"),
        (503, None, "overloaded", None),
    ],
)
def test_what_is_likely_to_come_first_has_a_series_at_zero_behind_tls_and_at_the_door_too(
    measured: Measured, scheme: str, outcome: tuple[int, str | None, str | None, str | None]
) -> None:
    status, route, error, dialect = outcome
    before = len(measured.metrics.histograms())
    measured.metrics.request_began()
    measured.metrics.request_ended("POST", scheme, status, route, error=error, dialect=dialect, duration_s=0.1)
    assert len(measured.metrics.histograms()) == before


def test_active_requests_return_to_zero(measured: Measured) -> None:
    measured.metrics.request_began()
    assert measured.values("http.server.active_requests") == {(): 1}
    measured.metrics.request_ended("GET", "http", 200, None, error=None, dialect=None, duration_s=0.1)
    assert measured.values("http.server.active_requests") == {(): 0}


def test_every_answered_text_counts_for_its_label(measured: Measured) -> None:
    measured.metrics.classified(answer((2.0, -1.0), (0.0, 3.0), (0.0, 1.0)), [], 0.0)
    assert measured.values("lightsleeper.predictions") == {("NEGATIVE",): 1, ("POSITIVE",): 2}


def test_only_computed_texts_enter_the_score_distribution(measured: Measured) -> None:
    measured.metrics.classified(answer((0.0, 2.0), (0.0, 9.0)), [(0.0, 2.0)], 0.0)
    (series,) = measured.histograms("lightsleeper.prediction.score")
    assert (sum(series.counts), series.labels) == (1, {"label": "POSITIVE"})
    assert series.sum == pytest.approx(0.8808, abs=1e-4)


@pytest.fixture
def with_head(request: pytest.FixtureRequest) -> Iterator[Measured]:
    """Fresh instruments of a model with another head."""
    measured = Measured(request.param)
    yield measured
    measured.provider.shutdown()


MANY = Head(MANY_LABELS, ("toxic", "insult", "threat"))


@pytest.mark.parametrize("with_head", [MANY], indirect=True)
def test_a_text_counts_for_each_label_that_applies_or_for_none(with_head: Measured) -> None:
    with_head.metrics.classified(answer((2.0, 0.1, -3.0), (-1.0, -2.0, -3.0), (-1.0, 1.0, -9.0)), [], 0.0)
    counted = {("toxic",): 1, ("insult",): 2, ("threat",): 0, ("(none)",): 1}
    assert with_head.values("lightsleeper.predictions") == counted


@pytest.mark.parametrize("with_head", [MANY], indirect=True)
def test_every_label_of_many_has_its_scores_and_those_far_below_are_told_apart(with_head: Measured) -> None:
    with_head.metrics.classified(answer(), [(2.0, -2.0, -5.0), (2.0, -2.0, -3.0)], 0.0)
    series = with_head.histograms("lightsleeper.prediction.score")
    assert [(sum(each.counts), each.labels["label"]) for each in series] == [(2, name) for name in MANY.labels]
    assert [max(each.counts) for each in series] == [2, 2, 1]  # 0.007 and 0.047 are two buckets


@pytest.mark.parametrize("with_head", [Head(SCORE, ("LABEL_0",))], indirect=True)
def test_a_score_shifts_between_buckets_at_either_end(with_head: Measured) -> None:
    with_head.metrics.classified(answer(), [(-4.5,), (-3.0,), (0.0,), (3.0,), (4.5,)], 0.0)
    (series,) = with_head.histograms("lightsleeper.prediction.score")
    assert max(series.counts) == 1


@pytest.mark.parametrize(
    "with_head", [Head(REGRESSION, ("LABEL_0",), (1.0, 5.0)), Head(REGRESSION, ("LABEL_0",))], indirect=True
)
def test_a_number_is_recorded_as_it_is_wherever_it_lies(with_head: Measured) -> None:
    with_head.metrics.classified(answer((3.0,), (99.0,)), [(3.0,), (-7.5,), (99.0,)], 0.0)
    (series,) = with_head.histograms("lightsleeper.prediction.score")
    assert sum(series.counts) == 3
    assert series.sum == pytest.approx(94.5)
    assert min(series.counts[0], series.counts[-1]) >= 1
    assert with_head.values("lightsleeper.predictions") == {("LABEL_0",): 2}


def test_truncated_texts_are_counted(measured: Measured) -> None:
    measured.metrics.classified(answer((0.0, 1.0), (0.0, 1.0), truncated=(1,)), [], 0.0)
    assert measured.values("lightsleeper.truncations") == {(): 1}


def test_a_batch_reports_its_size_its_waits_and_its_time_per_token(measured: Measured) -> None:
    measured.metrics.batch(items=2, cost=100, queue_s=[0.001, 0.003], run_s=0.05, origins=[None, None])
    names = ("batch.texts", "batch.tokens", "queue.wait", "inference.token.duration")
    sums = {name: measured.histograms(f"lightsleeper.{name}")[0].sum for name in names}
    assert sums == pytest.approx(
        {"batch.texts": 2, "batch.tokens": 100, "queue.wait": 0.004, "inference.token.duration": 0.0005}
    )
    assert measured.values("lightsleeper.inference.busy") == {(): 0.05}


def test_lookups_are_counted_by_level_and_result(measured: Measured) -> None:
    measured.metrics.lookups("redis", "unavailable", 3)
    assert measured.values("lightsleeper.cache.lookups") == {
        ("memory", "hit"): 0,
        ("memory", "miss"): 0,
        ("redis", "unavailable"): 3,
    }


def test_redis_is_no_series_where_there_is_no_redis(measured: Measured) -> None:
    assert measured.values("lightsleeper.redis.available") == {}
    measured.metrics.redis_available(available=False)
    assert measured.values("lightsleeper.redis.available") == {(): 0}


def test_the_queue_is_read_when_it_is_exported(measured: Measured) -> None:
    depth = 5
    measured.metrics.watch_queue(lambda: (depth, 2 * depth))
    assert measured.values("lightsleeper.queue.depth") == {(): 5}
    assert measured.values("lightsleeper.queue.limit") == {(): 10}
    depth = 7
    assert measured.values("lightsleeper.queue.depth") == {(): 7}


def test_the_phases_of_the_start_are_gauges(measured: Measured) -> None:
    measured.metrics.started({"imports": 0.4, "model": 0.5, "ready": 0.6})
    assert measured.values("lightsleeper.startup.duration") == {("imports",): 0.4, ("model",): 0.5, ("ready",): 0.6}


def test_the_bundle_says_who_answers(measured: Measured) -> None:
    assert measured.values("lightsleeper.bundle.info") == {("a/model", "d1", "1.2.3"): 1}


@pytest.mark.parametrize("seconds", [0.002, 2.0])
def test_the_buckets_place_a_percentile_within_a_third_of_two_milliseconds_and_of_two_seconds(seconds: float) -> None:
    above = next(bound for bound in REQUEST_DURATION.buckets if bound >= seconds)
    below = max(bound for bound in REQUEST_DURATION.buckets if bound < seconds)
    assert above / seconds < 1.34
    assert below / seconds > 0.66


def test_a_bucket_holds_its_upper_bound_and_the_last_one_everything_above() -> None:
    histogram = Histogram(Instrument("histogram", "test", "s", "", (), (1.0, 2.0)), {})
    for value in (0.5, 1.0, 1.1, 2.0, 2.1, 99.0):
        histogram.record(value)
    assert histogram.counts == [2, 2, 2]
    assert histogram.sum == pytest.approx(105.7)


def test_instrument_names_are_unique_and_histograms_alone_have_buckets() -> None:
    names = [instrument.name for instrument in INSTRUMENTS]
    assert len(names) == len(set(names))
    assert {i.name for i in INSTRUMENTS if i.kind == "histogram"} == {i.name for i in INSTRUMENTS if i.buckets}
