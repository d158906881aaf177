"""The peer, `plain_app.py CHECKPOINT`: the way most people start, FastAPI around `transformers.pipeline` in float32."""

import os
import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import pipeline

classify = pipeline("text-classification", model=sys.argv[1], top_k=None)
app = FastAPI()


class PredictRequest(BaseModel):
    text: list[str]


@app.post("/predict")
def predict(request: PredictRequest) -> dict[str, list[list[dict[str, str | float]]]]:
    return {"predictions": classify(request.text, truncation=True)}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error")
