"""Is there something to put load on, and may we? Asked before k6 is, for an answer in one line."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from processes import CannotRun

#: A service at zero has to wake first; on a node that has to pull the image that takes longer than anybody waits.
ANSWER_TIMEOUT_S = 60.0

_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")

_STATUS = {
    401: "wants an API key: set API_KEY",
    403: "refuses this API key",
    404: "has no /predict: is the address right, and --host?",
}


def check_target(url: str, headers: Mapping[str, str], *, allow_remote: bool) -> None:
    """CannotRun, saying what to do about it, unless `url` classifies a text."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CannotRun(f"{url} is not an address such as http://localhost:8080")
    if not allow_remote and not _LOOPBACK.fullmatch(parts.hostname):
        raise CannotRun(f"{url} is not this machine: load it only if it is yours, with --allow-remote")
    request = urllib.request.Request(  # noqa: S310  # the scheme was checked
        f"{url.rstrip('/')}/predict",
        data=json.dumps({"text": "Is anybody there?"}).encode(),
        headers={"content-type": "application/json", **headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:  # noqa: S310  # see above
            json.load(answer)["predictions"]
    except urllib.error.HTTPError as refusal:
        raise CannotRun(f"{url} {_STATUS.get(refusal.code, f'answers /predict with {refusal.code}')}") from None
    except TimeoutError:
        raise CannotRun(f"{url} gave no answer in {ANSWER_TIMEOUT_S:g} s: asleep, and unable to wake?") from None
    except urllib.error.URLError as failure:
        raise CannotRun(f"{url} does not answer ({failure.reason}): wrong address, or nothing runs there") from None
    except (ValueError, KeyError, TypeError):
        raise CannotRun(f"{url} answers /predict, but not as lightsleeper does: is the address right?") from None
