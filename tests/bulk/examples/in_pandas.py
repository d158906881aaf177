"""pandas: a column at a time."""

import pandas as pd

import lightsleeper

model = lightsleeper.load()
reviews = pd.DataFrame({"text": ["Loved every minute.", "Dull and long.", None, "  "]})

predictions = model.predict(reviews["text"])
reviews["label"] = [prediction and prediction.label for prediction in predictions]
reviews[list(model.labels)] = model.scores(reviews["text"])

print(reviews.to_json(orient="records", lines=True))
