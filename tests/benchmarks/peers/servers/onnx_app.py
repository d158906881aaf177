"""optimum's ONNX Runtime behind FastAPI, `onnx_app.py MODEL`: MODEL as `optimum-cli` exported or quantised it."""

import os
import sys

import uvicorn
from fastapi import FastAPI
from optimum.onnxruntime import ORTModelForSequenceClassification
from pydantic import BaseModel
from transformers import AutoTokenizer, pipeline

model = ORTModelForSequenceClassification.from_pretrained(sys.argv[1])
classify = pipeline(
    "text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(sys.argv[1]), top_k=None
)
app = FastAPI()


class PredictRequest(BaseModel):
    text: list[str]


@app.post("/predict")
def predict(request: PredictRequest) -> dict[str, list[list[dict[str, str | float]]]]:
    return {"predictions": classify(request.text, truncation=True)}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error")
