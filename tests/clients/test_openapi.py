"""What can be made of the OpenAPI document alone: a client, and thousands of requests nobody would think of."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from service import Service

pytestmark = pytest.mark.clients

TOOLS = Path(__file__).parents[2] / ".venv" / "clients" / "openapi" / "bin"

#: A slow machine gets through a few hundred cases in it, a fast one through thousands.
_MAX_SECONDS = 100

PROGRAM = """
import json, sys
from generated import Client
from generated.api.default import predict_predict_post as predict
from generated.api.hugging_face import hugging_face
from generated.models import HuggingFaceRequest, PredictRequest

client = Client(sys.argv[1], timeout=60)
ours = predict.sync(client=client, body=PredictRequest(text=sys.argv[2]))
theirs = hugging_face.sync(client=client, body=HuggingFaceRequest(inputs=sys.argv[2]))
wrong = hugging_face.sync_detailed(client=client, body=HuggingFaceRequest(inputs=" "))
print(json.dumps([ours.to_dict(), [[each.to_dict() for each in row] for row in theirs], int(wrong.status_code)]))
"""


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
def document(service: Service, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(httpx2.get(f"{service.url}/openapi.json", timeout=60).content)
    return path


def run(*command: object, folder: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"},  # the generator formats with its own ruff
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


def test_a_generated_client_works(service: Service, document: Path) -> None:
    folder = document.parent
    options = ("--path", document, "--output-path", folder / "generated", "--meta", "none", "--fail-on-warning")
    run(TOOLS / "openapi-python-client", "generate", *options, folder=folder)
    (folder / "program.py").write_text(PROGRAM)
    ours, theirs, wrong = json.loads(run(TOOLS / "python", "program.py", service.url, "A fine film.", folder=folder))
    assert ours == service.predict("A fine film.").json()
    assert (theirs, wrong) == (ours["predictions"], 422)


def test_schemathesis_finds_nothing(service: Service, document: Path) -> None:
    run(
        *(TOOLS / "schemathesis", "run", document, "--url", service.url, "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", 20, "--max-time", _MAX_SECONDS, "--continue-on-failure", "--no-shrink"),
        # A text of blanks or of characters that no tokenizer knows is refused, which no schema can say.
        *("--exclude-checks", "positive_data_acceptance", "--generation-codec", "utf-8"),
        folder=document.parent,
    )
