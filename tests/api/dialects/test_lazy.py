"""The wake pays for no dialect: none is imported before its first request."""

import subprocess
import sys
import textwrap

PROGRAM = """
    import sys
    from fastapi.testclient import TestClient
    from lightsleeper.serving.app import create_app
    from lightsleeper.serving.settings import Settings

    def loaded():
        rooms = [name.rpartition(".")[2] for name in sys.modules if name.startswith("lightsleeper.api.dialects.")]
        return sorted(rooms) + ["cloudevents"] * ("cloudevents" in sys.modules)

    with TestClient(create_app(Settings())) as client:
        client.get("/")
        client.post("/predict", json={"text": "inputs"})
        print(loaded())
        client.post("/predict", json={"inputs": "fine"})
        print(loaded())
        client.post("/", json={"inputs": "fine"})
        client.get("/v2")
        client.get("/v1/models")
        print(loaded())
        client.options("/events")
        print(loaded())
"""


def test_a_dialect_is_imported_at_its_first_request() -> None:
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM)], capture_output=True, text=True, check=True, timeout=100
    )
    some = ["hugging_face", "kserve_v1", "model_names", "open_inference", "tei", "tensors"]
    every = ["cloud_events", "event_data", *some, "cloudevents"]
    assert run.stdout.splitlines() == ["[]", "['tei']", str(some), str(every)]
