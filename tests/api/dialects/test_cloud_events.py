"""CloudEvents as Knative delivers them: what is answered decides whether an event is delivered again."""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import http
from cloudevents.core.v1.event import CloudEvent
from fastapi.testclient import TestClient
from httpx2 import Response

from faces import Face
from lightsleeper.serving.settings import Settings

TEXT = "A wonderful film, wörth it."
EVENT = {"specversion": "1.0", "id": "partition:0/offset:5", "source": "/kafka#reviews", "type": "dev.example.review"}
REPLY = {"prefer": "reply"}
STRUCTURED = "application/cloudevents+json"


def binary(client: TestClient, data: bytes, path: str = "/", **attributes: str) -> Response:
    """`attributes` with a content type of their own; empty ones are left out."""
    content_type = attributes.pop("datacontenttype", "application/json")
    sent = {f"ce-{name}": value for name, value in {**EVENT, **attributes}.items() if value}
    headers = {**REPLY, **sent, **({"content-type": content_type} if content_type else {})}
    return client.post(path, content=data, headers=headers)


def structured(client: TestClient, path: str = "/events", **event: object) -> Response:
    headers = {**REPLY, "content-type": f"{STRUCTURED}; charset=utf-8"}
    return client.post(path, content=json.dumps({**EVENT, **event}).encode(), headers=headers)


def event_of(response: Response) -> BaseCloudEvent:
    assert response.status_code == 200, response.text
    return http.from_http_event(http.HTTPMessage(dict(response.headers), response.content))


def native(client: TestClient, text: str | list[str]) -> dict[str, Any]:
    return {"predictions": client.post("/predict", json={"text": text}).json()["predictions"]}


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (json.dumps({"text": TEXT}).encode(), "application/json"),
        (json.dumps({"text": TEXT, "text_pair": None}).encode(), "application/json"),
        (json.dumps({"inputs": TEXT}).encode(), "application/vnd.example+json; charset=utf-8"),
        (json.dumps({"instances": [{"text": TEXT}]}).encode(), "application/json"),
        (json.dumps(TEXT).encode(), "application/json"),
        (json.dumps([TEXT]).encode(), ""),
        (TEXT.encode(), "text/plain"),
        (TEXT.encode(), ""),
        (json.dumps({"text": TEXT}).encode(), "application/x-www-form-urlencoded"),
        (json.dumps({"text": TEXT}).encode(), "application/octet-stream"),
        (TEXT.encode(), "application/octet-stream"),
        (b"\xef\xbb\xbf" + TEXT.encode(), ""),
    ],
)
@pytest.mark.parametrize("path", ["/", "/events"])
def test_a_text_in_any_form_is_answered_with_an_event(
    client: TestClient, path: str, data: bytes, content_type: str
) -> None:
    event = event_of(binary(client, data, path, datacontenttype=content_type))
    assert event.get_data() == native(client, TEXT)
    assert event.get_type() == "ai.lightsleeper.prediction"


def test_a_document_is_answered_with_a_document_and_headers_with_headers(client: TestClient) -> None:
    for path in ("/", "/events"):
        response = structured(client, path, data={"text": [TEXT, "Dull."]})
        assert response.headers["content-type"] == STRUCTURED
        assert event_of(response).get_data() == native(client, [TEXT, "Dull."])
    response = binary(client, json.dumps([TEXT, "Dull."]).encode())
    assert response.headers["content-type"] == "application/json"
    assert response.json() == native(client, [TEXT, "Dull."])


@pytest.mark.parametrize(
    "event",
    [
        {"data": TEXT, "datacontenttype": "text/plain"},
        {"data": TEXT},
        {"data": [TEXT]},
        {"data_base64": base64.b64encode(TEXT.encode()).decode(), "datacontenttype": "text/plain"},
        {"data_base64": base64.b64encode(json.dumps({"text": TEXT}).encode()).decode()},
    ],
)
def test_data_in_a_document_may_be_anything_that_holds_a_text(client: TestClient, event: dict[str, Any]) -> None:
    assert event_of(structured(client, **event)).get_data() == native(client, TEXT)


def test_numbers_and_words_that_somebody_wrote_are_texts(client: TestClient) -> None:
    for text in ("5", "true", "[sic] good", "{great}"):
        assert event_of(binary(client, text.encode(), datacontenttype="")).get_data() == native(client, text)


def test_an_event_of_the_sdk_is_understood_and_its_reply_by_it(client: TestClient) -> None:
    asked = CloudEvent({"type": "t", "source": "/s", "subject": "Ein Titel: 100 % wörtlich"}, {"text": TEXT})
    for message in (http.to_binary_event(asked), http.to_structured_event(asked)):
        reply = event_of(client.post("/", content=message.body, headers={**message.headers, **REPLY}))
        assert reply.get_id() == asked.get_id()
        assert reply.get_subject() == asked.get_subject()


def test_a_reply_keeps_extensions_answers_a_correlation_and_is_the_same_event_again(client: TestClient) -> None:
    extensions = {"partitionkey": "7", "correlationid": "abc", "knativeerrorcode": "500", "subject": "s%20s"}
    first, again = (event_of(binary(client, b'"fine"', **extensions)).get_attributes() for _ in range(2))
    assert (first["partitionkey"], first["replyid"], first["subject"]) == ("7", "abc", "s s")
    assert "knativeerrorcode" not in first
    assert (first["source"], first["id"]) == (again["source"], again["id"])
    assert (first["source"], first["id"]) == ("/lightsleeper/lightsleeper-sentiment", EVENT["id"])


def test_who_wants_no_reply_gets_202_and_no_body(client: TestClient) -> None:
    headers = {f"ce-{name}": value for name, value in EVENT.items()}
    response = client.post("/", content=b'"fine"', headers=headers)
    assert (response.status_code, response.content) == (202, b"")
    assert client.post("/?reply=always", content=b'"fine"', headers=headers).status_code == 200
    prefer = {**headers, "prefer": "respond-async, Reply; wait=5"}
    assert client.post("/", content=b'"fine"', headers=prefer).status_code == 200


def test_an_event_of_our_own_is_accepted_and_left_alone(face: Face, client: TestClient) -> None:
    response = binary(client, b"anything", type="ai.lightsleeper.prediction")
    assert (response.status_code, response.content) == (202, b"")
    with TestClient(face(Settings(event_type="mine"))) as other:
        assert event_of(binary(other, b'"fine"')).get_type() == "mine"
        assert binary(other, b'"fine"', type="mine").status_code == 202


@pytest.mark.parametrize(
    ("data", "attributes", "said"),
    [
        (b'"fine"', {"id": ""}, "no id"),
        (b'"fine"', {"source": ""}, "no source"),
        (b'"fine"', {"type": ""}, "no type"),
        (b'"fine"', {"specversion": ""}, "no specversion"),
        (b'"fine"', {"specversion": "0.3"}, "specversion"),
        (b'"fine"', {"time": "yesterday"}, "time"),
        (b'"fine"', {"time": "2026-11-26T10:00:00"}, "time"),
        (b'"fine"', {"my_ext": "x"}, "my_ext"),
        (b"", {}, "JSON"),
        (b"", {"datacontenttype": ""}, "empty"),
        (b"{", {}, "JSON"),
        (b"5", {}, "text 0"),
        (b'{"words": "x"}', {}, "text or inputs"),
        (b'{"words": "x"}', {"datacontenttype": ""}, "text or inputs"),
        (b'{"text": 5}', {}, "text 0"),
        (b'{"text": "a", "text_pair": "b"}', {}, "one text, not pairs"),
        (b'{"inputs": {"text": "a", "text_pair": "b"}}', {}, "data[0]: this model reads one text, not pairs"),
        (b'{"text": "x", "top_k": 0}', {}, "top_k"),
        (b'["fine", 5]', {}, "text 1"),
        (b"[]", {}, "empty list"),
        (b"\xff\xfe\xfd", {"datacontenttype": "text/plain"}, "UTF-16"),
        (b"a\xff", {"datacontenttype": "text/plain"}, "UTF-8"),
        (b"<xml/>", {"datacontenttype": "application/xml"}, "application/xml"),
        (b'"\\ud800"', {}, "JSON"),
        (b"[" * 100_000, {}, "JSON"),
    ],
)
def test_what_will_never_be_answered_is_refused_so_that_it_is_not_delivered_again(
    client: TestClient, data: bytes, attributes: dict[str, str], said: str
) -> None:
    response = binary(client, data, **attributes)
    assert response.status_code in {400, 415}
    assert said in response.json()["error"]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({"data_base64": "%%%"}, "base64"),
        ({"data_base64": 5}, "base64"),
        ({"data": "x", "id": 5}, "id"),
        ({"data": "x", "time": 5}, "time"),
        ({"data": "x", "extension": {"a": 1}}, "extension"),
        ({"data": "x", "extension": 1.5}, "extension"),
        ({"data": "x", "data_base64": "eA=="}, "data_base64"),
        ({"data": "x", "id": None}, "no id"),
        ({"data": "x", "Extension": "a"}, "Extension"),
        ({}, "text 0"),
        ({"data": None}, "text 0"),
    ],
)
def test_a_document_that_is_no_event_of_ours_is_refused(client: TestClient, event: dict[str, Any], said: str) -> None:
    response = structured(client, **event)
    assert response.status_code == 400
    assert said in response.json()["error"]


def test_an_attribute_that_is_null_is_one_that_is_not_there(client: TestClient) -> None:
    event = structured(client, data="fine", subject=None, time=None, dataschema=None, extension=None, data_base64=None)
    assert event.status_code == 200
    assert "extension" not in event.json()


@pytest.mark.parametrize("kind", ["-batch+json", "+avro", "+protobuf", "-batch+json; charset=utf-8"])
def test_batches_and_other_formats_are_a_415(client: TestClient, kind: str) -> None:
    for body in (b"[]", b"{}", b"\xff"):
        response = client.post("/", content=body, headers={"content-type": f"application/cloudevents{kind}"})
        assert response.status_code == 415


def test_no_event_is_answered_with_404_which_would_bring_it_back(client: TestClient) -> None:
    response = binary(client, b'"fine"', "/v1/models/other:predict")
    assert (response.status_code, response.headers["x-error-code"]) == (400, "unknown_model")
    reply = event_of(binary(client, b'{"instances": ["fine"]}', "/v1/models/lightsleeper:predict"))
    assert reply.get_source() == "/lightsleeper/lightsleeper"


@pytest.mark.parametrize("path", ["/nowhere", "/eventsx", "/v1/models/other:predict"])
def test_an_event_to_a_wrong_path_does_not_come_back_for_ever(client: TestClient, path: str) -> None:
    """A broker repeats what got a 404, ten times by default."""
    response = binary(client, b'"fine"', path)
    assert response.status_code == 400
    assert isinstance(response.json()["error"], str)


def test_an_event_delivered_to_predict_is_answered_with_one(client: TestClient) -> None:
    """Plain JSON is a failure to Knative's brokers, which deliver the event again."""
    reply = event_of(binary(client, b'{"text": "fine"}', "/predict"))
    assert reply.get_data() == event_of(binary(client, b'{"text": "fine"}')).get_data()
    headers = {"content-type": STRUCTURED}
    accepted = client.post("/predict", content=json.dumps({**EVENT, "data": "fine"}), headers=headers)
    assert (accepted.status_code, accepted.content) == (202, b"")


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/v1/models/lightsleeper:classify", {"examples": [{"text": "fine"}]}),
        (
            "/v2/models/lightsleeper/infer",
            {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["fine"]}]},
        ),
    ],
)
def test_an_event_to_what_answers_with_none_is_refused_so_that_it_is_not_delivered_again(
    client: TestClient, path: str, data: dict[str, object]
) -> None:
    """An answer in plain JSON would be a failure to Knative's brokers, too, and a 400 is none to try again."""
    assert client.post(path, json=data).status_code == 200
    for response in (binary(client, json.dumps(data).encode(), path), structured(client, path, data=data)):
        assert response.status_code == 400
        assert "an event is answered under /, /events and" in response.json()["error"]


@pytest.mark.parametrize(
    ("time", "valid"),
    [
        ("2016-12-31T23:59:60Z", True),
        ("2016-12-31T15:59:60.5-08:00", True),
        ("2017-01-01T05:29:60+05:30", True),
        ("2026-11-26t10:00:00.123456789z", True),
        ("2024-02-29T00:00:00-00:00", True),
        ("2016-12-31T22:59:60Z", False),
        ("2026-11-26T10:00:61Z", False),
        ("2026-11-26T24:00:00Z", False),
        ("2026-02-29T00:00:00Z", False),
        ("2026-11-26T10:00:00+24:00", False),
        ("2026-11-26T10:00Z", False),
        ("2026-11-26 10:00:00Z", False),
        ("20261126T100000Z", False),
        ("2026-11-26T10:00:00,5Z", False),
        ("2026-11-26T10:00:00.Z", False),
        ("٢٠٢٦-11-26T10:00:00Z", False),
        ("0001-01-01T00:00:00+01:00", True),
        ("0001-01-01T00:59:60+01:00", False),
        ("2026-W48-4T10:00:00Z", False),
    ],
)
def test_a_time_is_one_as_rfc_3339_writes_it(client: TestClient, time: str, *, valid: bool) -> None:
    encoded = binary(client, b'"fine"', time=quote(time, safe=":"))
    for response in (encoded, structured(client, time=time, data="fine")):
        assert response.status_code == (200 if valid else 400)
        assert valid or "'time'" in response.json()["error"]


def test_a_probe_is_told_what_may_be_sent(client: TestClient) -> None:
    for path, methods in (("/", "GET, HEAD, OPTIONS, POST"), ("/events", "OPTIONS, POST")):
        response = client.options(path, headers={"webhook-request-origin": "eventgrid.azure.net"})
        assert (response.status_code, response.headers["allow"]) == (200, methods)
        assert client.put(path).headers["allow"] == methods
        assert "webhook-allowed-origin" not in response.headers


def test_a_webhook_sender_that_is_listed_gets_consent(face: Face) -> None:
    asks = {"webhook-request-origin": "eventgrid.azure.net", "webhook-request-rate": "120"}
    for origins in (("eventgrid.azure.net",), ("*",)):
        with TestClient(face(Settings(webhook_origins=origins))) as client:
            headers = client.options("/events", headers=asks).headers
            assert (headers["webhook-allowed-origin"], headers["webhook-allowed-rate"]) == ("eventgrid.azure.net", "*")
    with TestClient(face(Settings(webhook_origins=("events.example",)))) as client:
        assert "webhook-allowed-origin" not in client.options("/events", headers=asks).headers
