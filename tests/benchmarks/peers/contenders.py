"""Who is measured, and how each is started: its own program as its documentation shows it, all with the same weights.

What is in braces is filled in by `Places`. Where a framework wants a program, that is in `servers/`.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
#: One process a core, each with one thread: what the frameworks that start workers recommend on CPUs.
_A_WORKER_PER_CORE = {"OMP_NUM_THREADS": "1"}
_EXPORT = "{bin}/optimum-cli export onnx --model {checkpoint} --task text-classification"
_TRAINED = " {checkpoint} {training} {prepared}"
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",
    "VLLM_NO_USAGE_STATS": "1",
    "INFINITY_ANONYMOUS_USAGE_STATS": "0",
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass(frozen=True)
class Places:
    """Where things are: a folder of packages a peer in `environments`; `weights`, all made from one bundle."""

    environments: Path
    weights: Path
    #: Labelled texts for who must train: model2vec.
    training: Path | None = None

    def fill(self, peer: "Peer", template: str, *, port: int = 0, cores: int = 0) -> str:
        """A template with its `{…}` filled in."""
        return template.format(
            environments=self.environments,
            bin=self.environment(peer) / "bin",
            servers=HERE / "servers",
            plain=HERE.parent / "plain_app.py",
            ours=sys.executable,
            checkpoint=self.weights / "checkpoint",
            prepared=self.prepared(peer),
            training=self.training or "",
            port=port,
            cores=cores,
        )

    def environment(self, peer: "Peer") -> Path:
        """The peer's own packages."""
        return self.environments / peer.environment

    def prepared(self, peer: "Peer") -> Path:
        """Its weights in the format it reads, made once."""
        return self.weights / re.sub(r"[^a-z0-9]+", "-", peer.name.lower()).strip("-")


@dataclass(frozen=True)
class Peer:
    """A server to measure."""

    name: str
    #: The folder of its packages; its name is that of a file in `requirements/`. Empty: where this program runs.
    environment: str
    #: Its words have no blanks before they are filled in.
    command: str
    #: A request's path, and the member that holds its text; a list of texts where `many`.
    path: str = "/predict"
    member: str = "text"
    many: bool = False
    more: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    #: Run once, in turn, before the first start.
    prepare: tuple[str, ...] = ()
    #: Serves the same weights, in whichever precision.
    same_weights: bool = True

    def body(self, text: str) -> bytes:
        """A request for one text."""
        return json.dumps({**self.more, self.member: [text] if self.many else text}).encode()

    def words(self, command: str, places: Places, port: int = 0, cores: int = 0) -> list[str]:
        """A command as it is run."""
        return [places.fill(self, word, port=port, cores=cores) for word in command.split()]

    def environment_variables(self, port: int, cores: int, places: Places) -> dict[str, str]:
        """What the process finds in its environment, beside what is there."""
        own = {name: places.fill(self, value, cores=cores) for name, value in self.variables.items()}
        return {**_QUIET, **own, "PORT": str(port), "CORES": str(cores)}


def label_of(answer: object) -> str:
    """The best label in an answer of whatever shape; ValueError if there is none."""
    scored = list(_scored(answer))
    if not scored:
        raise ValueError(f"no label in {json.dumps(answer)[:200]}")
    return max(scored, key=lambda each: each[1])[0]


def _scored(answer: object) -> Iterator[tuple[str, float]]:
    match answer:
        case {"label": str(label), "score": float(score)}:
            yield label, score
        case {"label": str(label)}:
            yield label, 1.0
        case {"predictions": [int(index)]}:  # KServe's
            yield ("NEGATIVE", "POSITIVE")[index], 1.0
        case dict():
            for value in answer.values():
                yield from _scored(value)
        case list():
            for value in answer:
                yield from _scored(value)


OURS = Peer(
    "lightsleeper",
    "",
    "{ours} -m lightsleeper serve",
    # A closed loop of 128 long texts is more than 0.3 s of work; what is measured here is how fast it is done.
    variables={"LIGHTSLEEPER_MAX_QUEUE_S": "60", "LIGHTSLEEPER_HOST": "127.0.0.1"},
)
PLAIN = Peer("FastAPI + transformers.pipeline", "fastapi", "{bin}/python {plain} {checkpoint}", many=True)
PEERS = (
    OURS,
    PLAIN,
    Peer("LitServe", "litserve", "{bin}/python {servers}/litserve_app.py {checkpoint}", variables=_A_WORKER_PER_CORE),
    Peer(
        "BentoML",
        "bentoml",
        "{bin}/bentoml serve bentoml_app:Sentiment --working-dir {servers} --port {port}",
        path="/classify",
        member="texts",
        many=True,
        variables={**_A_WORKER_PER_CORE, "CHECKPOINT": "{checkpoint}", "BENTOML_HOME": "{prepared}"},
    ),
    Peer(
        "mosec",
        "mosec",
        "{bin}/python {servers}/mosec_app.py --address 127.0.0.1 --port {port} --timeout 600000",
        path="/inference",
        variables={**_A_WORKER_PER_CORE, "CHECKPOINT": "{checkpoint}"},
    ),
    Peer(
        "Ray Serve",
        "ray",
        "{bin}/python {servers}/ray_app.py {checkpoint}",
        path="/",
        variables=_A_WORKER_PER_CORE,
    ),
    Peer(
        "Infinity",
        "infinity",
        "{bin}/infinity_emb v2 --model-id {checkpoint} --served-model-name sentiment --device cpu --engine torch"
        " --host 127.0.0.1 --port {port}",
        path="/classify",
        member="input",
        many=True,
        more={"model": "sentiment"},
    ),
    Peer(
        "KServe",
        "kserve",
        "{bin}/python {servers}/kserve_app.py --http_port {port} --enable_grpc false",
        path="/v1/models/sentiment:predict",
        member="instances",
        many=True,
        variables={"CHECKPOINT": "{checkpoint}"},
    ),
    Peer(
        "KServe, Hugging Face runtime",
        "kserve-hugging-face",
        "{bin}/python -m huggingfaceserver --model_id {checkpoint} --model_name sentiment --backend huggingface"
        " --http_port {port} --enable_grpc false",
        path="/v1/models/sentiment:predict",
        member="instances",
        many=True,
    ),
    Peer(
        "vLLM /classify",
        "vllm",
        "{bin}/python -m vllm.entrypoints.openai.api_server --model {checkpoint} --served-model-name sentiment"
        " --host 127.0.0.1 --port {port}",
        path="/classify",
        member="input",
        many=True,
        more={"model": "sentiment"},
    ),
    Peer(
        "optimum ONNX fp32 + FastAPI",
        "optimum",
        "{bin}/python {servers}/onnx_app.py {prepared}",
        many=True,
        prepare=(_EXPORT + " {prepared}",),
    ),
    Peer(
        "optimum ONNX int8 + FastAPI",
        "optimum",
        "{bin}/python {servers}/onnx_app.py {prepared}",
        many=True,
        prepare=(
            _EXPORT + " {prepared}-fp32",
            "{bin}/optimum-cli onnxruntime quantize --onnx_model {prepared}-fp32 --avx2 --per_channel -o {prepared}",
        ),
    ),
    Peer(
        "OpenVINO + FastAPI",
        "openvino",
        "{bin}/python {servers}/openvino_app.py {prepared}",
        many=True,
        # OpenVINO reads ONNX; optimum-intel would bring torch into what serves.
        prepare=(_EXPORT.replace("{bin}", "{environments}/optimum/bin") + " {prepared}",),
    ),
    Peer(
        "model2vec + FastAPI",
        "model2vec",
        "{bin}/python {servers}/model2vec_app.py {prepared}",
        many=True,
        same_weights=False,
        prepare=("{environments}/model2vec-training/bin/python {servers}/model2vec_train.py" + _TRAINED,),
    ),
)
