"""Where the time of an answer went, and how long the wake before it took: the `Server-Timing` header."""

from lightsleeper.model.prediction import Timings
from lightsleeper.process import Wake

#: Answers say how long the wake took while somebody may still be waiting for it: proxies rarely wait longer.
_WAKE_NEWS_S = 60

_STAGES = "tokenize;dur=%.3f, cache;dur=%.3f, queue;dur=%.3f, inference;dur=%.3f, total;dur=%.3f"
_WAKE = ", wake;dur=%.3f, age;dur=%.3f"


def server_timing(timings: Timings, wake: Wake, total_s: float) -> str:
    """https://www.w3.org/TR/server-timing/: milliseconds by stage.

    `wake` and `age` appear while the process is young: whoever began to wait before `age` waited for the wake.
    """
    tokenize_s, cache_s, queue_s, inference_s = timings
    stages = _STAGES % (tokenize_s * 1e3, cache_s * 1e3, queue_s * 1e3, inference_s * 1e3, total_s * 1e3)
    age_s = wake.age_s
    return stages + _WAKE % (wake.took_s * 1e3, age_s * 1e3) if age_s < _WAKE_NEWS_S else stages
