"""Drives KServe's InferenceRESTClient with both of its protocols, and the CloudEvents SDK's first major version."""

import asyncio

import httpx
import numpy as np
from cloudevents.conversion import to_binary, to_structured
from cloudevents.http import CloudEvent, from_http
from kserve import InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from said import asked, outcome, say

QUESTION = asked()
HEADERS = {"x-api-key": QUESTION.key} if QUESTION.key else {}  # copied: the client adds to what it gets


async def infer_v2(texts, *, model=QUESTION.model, binary=False):
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    tensor = InferInput(name="text", shape=[len(texts)], datatype="BYTES")
    tensor.set_data_from_numpy(np.array(texts, dtype=object), binary_data=binary)
    request = InferRequest(model_name=model, infer_inputs=[tensor])
    answer = await client.infer(QUESTION.url, request, model_name=model, headers={**HEADERS})
    label, scores = answer.outputs
    labels = [each.decode() if isinstance(each, bytes) else each for each in label.as_numpy().tolist()]
    return {"labels": labels, "scores": scores.as_numpy().tolist()}


async def infer_v1(texts, *, model=QUESTION.model):
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    answer = await client.infer(QUESTION.url, {"instances": texts}, model_name=model, headers={**HEADERS})
    return [[[each["label"], each["score"]] for each in row] for row in answer["predictions"]]


async def server(protocol):
    client = InferenceRESTClient(RESTConfig(protocol=protocol))
    ready = [await client.is_server_live(QUESTION.url), await client.is_model_ready(QUESTION.url, QUESTION.model)]
    return [*ready, await client.is_server_ready(QUESTION.url)] if protocol == "v2" else ready


def event(texts, convert):
    headers, body = convert(CloudEvent({"type": "test", "source": "/test", "id": "1"}, {"text": texts}))
    response = httpx.post(QUESTION.url, content=body, headers={**headers, "prefer": "reply", **HEADERS}, timeout=60)
    if response.is_error:
        raise ValueError(f"{response.status_code} {response.json()['error']}")
    reply = from_http(dict(response.headers), response.content)
    return [[[each["label"], each["score"]] for each in row] for row in reply.data["predictions"]]


def run(call):
    return outcome(lambda: asyncio.run(call()))


said = {
    "server v1": run(lambda: server("v1")),
    "server v2": run(lambda: server("v2")),
    "unknown model v1": run(lambda: infer_v1(["x"], model="other")),
    "unknown model v2": run(lambda: infer_v2(["x"], model="other")),
}
for name, texts in QUESTION.batches.items():
    said[f"{name} v1"] = run(lambda texts=texts: infer_v1(texts))
    said[f"{name} v2"] = run(lambda texts=texts: infer_v2(texts))
    said[f"{name} v2 binary"] = run(lambda texts=texts: infer_v2(texts, binary=True))
    said[f"{name} event"] = outcome(event, texts, to_binary)
    said[f"{name} structured event"] = outcome(event, texts, to_structured)
say(said)
