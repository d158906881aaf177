"""One request's texts → logits: encode, look up, share what is in flight, batch, explain.

May import `cache`, `model` and what lies below; knows neither HTTP nor settings.
Begin with `classifier`: the whole story on one screen.
"""
