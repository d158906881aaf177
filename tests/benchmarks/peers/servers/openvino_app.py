"""OpenVINO behind FastAPI, `openvino_app.py MODEL`: an ONNX export, read by OpenVINO, with its hint for servers."""

import os
import sys
from pathlib import Path

import numpy as np
import openvino
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from tokenizers import Tokenizer

folder = Path(sys.argv[1])
tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
tokenizer.enable_truncation(512)
tokenizer.enable_padding()
model = openvino.Core().compile_model(folder / "model.onnx", "CPU", {"PERFORMANCE_HINT": "THROUGHPUT"})
app = FastAPI()


class PredictRequest(BaseModel):
    text: list[str]


@app.post("/predict")
def predict(request: PredictRequest) -> dict[str, list[list[dict[str, str | float]]]]:
    encoded = tokenizer.encode_batch(request.text)
    ids, mask = (np.array([getattr(each, name) for each in encoded]) for name in ("ids", "attention_mask"))
    logits = model.create_infer_request().infer({"input_ids": ids, "attention_mask": mask})[0]
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = ("NEGATIVE", "POSITIVE")
    return {
        "predictions": [[{"label": n, "score": float(s)} for n, s in zip(names, row, strict=True)] for row in scores]
    }


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error")
