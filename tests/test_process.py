import subprocess
import sys
import time
from pathlib import Path

from fastapi.testclient import TestClient

from lightsleeper.process import Wake, age_s


def test_the_age_counts_from_the_start_of_the_process_not_of_our_code() -> None:
    code = "import time; time.sleep(0.5); from lightsleeper.process import age_s; print(age_s())"
    started_s = time.monotonic()
    age = float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert 0.5 <= age <= time.monotonic() - started_s + 0.01  # the kernel counts in 10 ms


def test_a_command_with_spaces_and_parentheses_does_not_confuse_it(tmp_path: Path) -> None:
    fields = Path("/proc/self/stat").read_text()
    number, _, rest = fields.partition(" ")
    odd = tmp_path / "stat"
    odd.write_text(f"{number} (a b) c) {rest.rpartition(') ')[2]}")
    before_s = age_s()
    assert before_s <= age_s(odd) <= age_s()


def test_where_the_system_does_not_say_the_age_counts_from_the_import(tmp_path: Path) -> None:
    assert 0 < age_s(tmp_path / "missing") <= age_s() + 0.01


def test_the_age_goes_on_after_the_wake() -> None:
    wake = Wake()
    assert wake.age_s >= wake.took_s > 0


def test_answers_name_their_process_and_so_does_the_model_route(client: TestClient) -> None:
    answer = client.post("/predict", json={"text": "good"})
    assert answer.headers["x-instance-id"] == client.get("/model").json()["process"]["instance"]


def test_the_model_route_tells_the_facts_of_the_bundle(client: TestClient) -> None:
    facts = client.get("/model").json()
    assert facts["labels"] == ["NEGATIVE", "POSITIVE"]
    assert len(facts["digest"]) == 64
    assert facts["limits"]["max_texts"] == 64
    assert facts["limits"]["max_explain_words"] == 200


def test_where_a_text_was_cut_is_said_on_request_only(client: TestClient) -> None:
    text = "Ça alors, what a 🙂 film! " * 200
    asked = client.post("/predict", json={"text": ["short", text], "truncated_at": True}).json()
    assert asked["truncated"] == [1]
    (cut,) = asked["truncated_at"]
    # What is past the cut changes nothing; one token less does.
    assert client.post("/predict", json={"text": text[:cut]}).json()["predictions"][0] == asked["predictions"][1]
    assert "truncated" not in client.post("/predict", json={"text": text[:cut]}).json()
    assert "truncated" in client.post("/predict", json={"text": text[: cut + 10]}).json()
    assert "truncated_at" not in client.post("/predict", json={"text": text}).json()


def test_garbage_is_looked_for_again_once_it_serves() -> None:
    told = "lambda _: print(gc.isenabled(), gc.get_freeze_count() > 0)"
    code = f"import gc, uvicorn; uvicorn.Server.run = {told}; from lightsleeper.serving.server import serve; serve()"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "True True\n"
