"""The least a FastAPI service can do: one route that answers constant bytes, whatever it is sent."""

import os

import uvicorn
from fastapi import FastAPI, Response

ANSWER = (
    b'{"predictions":[[{"label":"POSITIVE","score":0.5683935076239071},'
    b'{"label":"NEGATIVE","score":0.43160649237609294}]]}'
)
app = FastAPI()


@app.post("/predict")
async def predict() -> Response:
    return Response(ANSWER, media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error", access_log=False)
