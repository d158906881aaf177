"""Drives tritonclient's HTTP clients, blocking and asynchronous, with binary tensors and JSON."""

import asyncio

import numpy as np
import tritonclient.http as blocking
import tritonclient.http.aio as asynchronous
from said import asked, outcome, say

QUESTION = asked()
HEADERS = {"authorization": f"Bearer {QUESTION.key}"} if QUESTION.key else {}  # copied: the client adds to what it gets


def tensors(texts, *, binary):
    tensor = blocking.InferInput("text", [len(texts)], "BYTES")
    tensor.set_data_from_numpy(np.array([text.encode() for text in texts], dtype=object), binary_data=binary)
    return [tensor]


def read(result):
    labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label")]
    return {"labels": labels, "scores": result.as_numpy("scores").tolist()}


def infer(texts, *, binary=True, compression=None, model=QUESTION.model):
    named = [blocking.InferRequestedOutput(name, binary_data=False) for name in ("label", "scores")]
    with blocking.InferenceServerClient(QUESTION.host) as client:
        result = client.infer(
            model,
            tensors(texts, binary=binary),
            outputs=None if binary else named,
            headers={**HEADERS},
            request_compression_algorithm=compression,
        )
        return read(result)


async def infer_async(texts):
    async with asynchronous.InferenceServerClient(QUESTION.host) as client:
        return read(await client.infer(QUESTION.model, tensors(texts, binary=True), headers={**HEADERS}))


def classes(texts):
    with blocking.InferenceServerClient(QUESTION.host) as client:
        wanted = [blocking.InferRequestedOutput("scores", class_count=2)]
        result = client.infer(QUESTION.model, tensors(texts, binary=True), outputs=wanted, headers={**HEADERS})
        return [[each.decode() for each in row] for row in result.as_numpy("scores").tolist()]


def server():
    with blocking.InferenceServerClient(QUESTION.host) as client:
        return [
            client.is_server_live(),
            client.is_server_ready(),
            client.is_model_ready(QUESTION.model),
            client.is_model_ready("other"),
            client.get_server_metadata()["name"],
            client.get_model_metadata(QUESTION.model)["name"],
        ]


outcomes = {
    "server": outcome(server),
    "unknown model": outcome(lambda: infer(["x"], model="other")),
    "classes": outcome(classes, QUESTION.batches["3"]),
}
for name, texts in QUESTION.batches.items():
    outcomes[name] = outcome(infer, texts)
    outcomes[f"{name} gzip"] = outcome(lambda texts=texts: infer(texts, compression="gzip"))
    outcomes[f"{name} json"] = outcome(lambda texts=texts: infer(texts, binary=False))
    outcomes[f"{name} async"] = outcome(asyncio.run, infer_async(texts))
say(outcomes)
