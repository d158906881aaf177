"""model2vec behind FastAPI, `model2vec_app.py MODEL`: static embeddings and the head trained on them."""

import os
import sys

import uvicorn
from fastapi import FastAPI
from model2vec.inference import StaticModelPipeline
from pydantic import BaseModel

classify = StaticModelPipeline.from_pretrained(sys.argv[1])
app = FastAPI()


class PredictRequest(BaseModel):
    text: list[str]


@app.post("/predict")
def predict(request: PredictRequest) -> dict[str, list[list[dict[str, str | float]]]]:
    scores = classify.predict_proba(request.text).tolist()
    labels = map(str, classify.classes_)
    names = list(labels)
    return {"predictions": [[{"label": n, "score": s} for n, s in zip(names, row, strict=True)] for row in scores]}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error")
