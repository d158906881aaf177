"""What arrives as an event is classified once, tried again while that may help, and kept where it does not."""

from argparse import ArgumentParser
from pathlib import Path

import pytest

from lightsleeper.api.dialects import ROUTES
from lightsleeper.cli.predict import add_predict
from lightsleeper.serving.settings import Settings
from rendering import Object, objects, one, service

pytestmark = pytest.mark.delivery

OURS = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "name": "lightsleeper"}


def destinations() -> list[Object]:
    """Wherever an event is sent to us."""
    steps = [step for found in objects("events") for step in found.get("spec", {}).get("steps", [])]
    named = [found["spec"].get(key) for found in objects("events") if "spec" in found for key in ("subscriber", "sink")]
    return [each for each in [*steps, *named] if each and each["ref"]["name"] == "lightsleeper"]


def test_what_is_sent_to_us_goes_to_the_service_at_the_path_of_events() -> None:
    paths = {route.path for route in ROUTES if "POST" in (route.methods or ())}
    assert len(destinations()) == 3
    for destination in destinations():
        assert destination["ref"] == OURS  # in the namespace of who sends it
        assert destination["uri"].partition("?")[0] in paths


def test_everything_lies_in_the_namespace_of_the_service() -> None:
    namespaces = {found["metadata"]["namespace"] for found in objects("events")}
    assert namespaces == {service("local")["metadata"]["namespace"]}


def test_a_trigger_tries_again_and_keeps_what_failed() -> None:
    delivery = one("events", "Trigger", "classify")["spec"]["delivery"]
    assert delivery["retry"] > 0
    assert delivery["backoffPolicy"] == "exponential"
    assert delivery["deadLetterSink"]["ref"]["name"]


def test_predictions_are_not_classified_again_and_are_handed_on() -> None:
    types = {
        name: one("events", "Trigger", name)["spec"]["filter"]["attributes"]["type"]
        for name in ("classify", "predictions")
    }
    assert types["predictions"] == Settings().event_type != types["classify"]
    brokers = {found["spec"]["broker"] for found in objects("events") if found["kind"] == "Trigger"}
    assert brokers == {one("events", "Broker", "reviews")["metadata"]["name"]}


def test_a_step_follows_ours_in_the_sequence() -> None:
    first, second = one("events", "Sequence", "classify-then-act")["spec"]["steps"]
    assert first["ref"]["name"] == "lightsleeper"
    assert second["ref"]["name"] != "lightsleeper"


def test_a_transform_has_the_fields_of_its_kind_and_asks_for_a_reply() -> None:
    spec = one("events", "EventTransform", "order-comments")["spec"]
    assert spec.keys() <= {"jsonata", "sink", "reply"}
    assert spec["jsonata"].keys() == {"expression"}
    assert spec["reply"].keys() <= {"jsonata", "discard"}
    assert spec["sink"]["uri"].endswith("?reply=always")


def refs(found: object) -> list[Object]:
    """Whatever an event is sent to by name, wherever an object says so."""
    if isinstance(found, list):
        return [ref for each in found for ref in refs(each)]
    if not isinstance(found, dict):
        return []
    own = [found["ref"]] if "ref" in found else []
    return own + [ref for each in found.values() for ref in refs(each)]


def policies_of(labels: dict[str, str]) -> list[Object]:
    """The specifications of the overlay's policies that select pods with these labels."""
    return [
        found["spec"]
        for found in objects("events")
        if found["kind"] == "NetworkPolicy" and selects(found["spec"]["podSelector"], labels)
    ]


def selects(selector: Object, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchExpressions", [])
    assert {each["operator"] for each in wanted} <= {"In"}
    named: dict[str, str] = selector.get("matchLabels", {})
    return named.items() <= labels.items() and all(labels.get(each["key"]) in each["values"] for each in wanted)


def test_every_consumer_is_open_for_what_opens_the_service_and_may_look_up_names() -> None:
    consumers = {ref["name"] for ref in refs(objects("events")) if ref["kind"] == "Service"} - {"lightsleeper"}
    assert len(consumers) == 2
    ours = one("local", "NetworkPolicy", "lightsleeper")["spec"]
    for name in consumers:
        (policy,) = policies_of({"serving.knative.dev/service": name})
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert policy["ingress"] == ours["ingress"]
        assert ports(policy["egress"]) == {53}
        assert all(rule in ours["egress"] for rule in policy["egress"])
    assert policies_of({"serving.knative.dev/service": "lightsleeper"}) == []


def test_the_pods_of_a_transform_are_reached_by_eventing_and_reach_the_gateway() -> None:
    # https://github.com/knative/eventing/blob/main/pkg/reconciler/eventtransform/resources_jsonata.go
    name = one("events", "EventTransform", "order-comments")["metadata"]["name"]
    jsonata = {
        "eventing.knative.dev/event-transform-jsonata": "true",
        "eventing.knative.dev/event-transform-name": name,
    }
    (policy,) = policies_of(jsonata)
    assert namespaces(policy["ingress"], "from") == {"knative-eventing"}
    assert ports(policy["ingress"]) == {8080, 8443}
    assert namespaces(policy["egress"], "to") == {"knative-serving", "kourier-system", "kube-system"}
    assert ports(policy["egress"]) == {8081, 8444, 53}


def ports(rules: list[Object]) -> set[int]:
    return {each["port"] for rule in rules for each in rule["ports"]}


def namespaces(rules: list[Object], side: str) -> set[str]:
    return {name for rule in rules for peer in rule[side] for name in peer["namespaceSelector"]["matchLabels"].values()}


def test_a_file_that_an_event_names_is_labelled_by_a_job_of_this_very_command() -> None:
    spec = one("events", "JobSink", "label-files")["spec"]
    assert spec.keys() == {"job"}
    pod = spec["job"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    parser = ArgumentParser()
    add_predict(parser.add_subparsers())
    assert parser.parse_args(container["args"]).event == Path("/etc/jobsink-event/event")
    # Whoever may send an event reaches the files of the one volume, as an unprivileged user.
    assert container["args"][-1] in [mount["mountPath"] for mount in container["volumeMounts"]]
    assert container["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
