"""Where the time of an answer went, and how long the wake before it took: the `Server-Timing` header."""

from lightsleeper.model.prediction import Timings
from lightsleeper.process import Wake

#: Answers say how long the wake took while somebody may still be waiting for it: proxies rarely wait longer.
_WAKE_NEWS_S = 60


def server_timing(timings: Timings, wake: Wake, total_s: float) -> str:
    """https://www.w3.org/TR/server-timing/: milliseconds by stage.

    `wake` and `age` appear while the process is young: whoever began to wait before `age` waited for the wake.
    """
    stages = [
        ("tokenize", timings.tokenize_s),
        ("cache", timings.cache_s),
        ("queue", timings.queue_s),
        ("inference", timings.inference_s),
        ("total", total_s),
    ]
    age_s = wake.age_s
    if age_s < _WAKE_NEWS_S:
        stages += [("wake", wake.took_s), ("age", age_s)]
    return ", ".join([f"{stage};dur={seconds * 1e3:.3f}" for stage, seconds in stages])
