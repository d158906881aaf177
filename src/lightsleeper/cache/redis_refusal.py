"""What an error reply of Redis means, and what would mend it. Redis is there and says no: that is no lost server."""

import re
from dataclasses import dataclass

#: The first word of a reply, if it is a code; only such words, and names of commands, are repeated in a log.
_CODE = re.compile(r"([A-Z]{2,20}) ")
_COMMAND = re.compile(r"'([a-z]{1,20}(?:\|[a-z]{1,20})?)' command")

_ADVICE = {
    "OOM": "it is full: raise maxmemory, or set maxmemory-policy allkeys-lfu",
    "WRONGTYPE": "somebody else writes keys that begin with lightsleeper:",
    "READONLY": "this is a replica: name its master, or use redis+sentinel://",
    "MISCONF": "it cannot write its own files",
    "MOVED": "this is a cluster: use redis+cluster://",
    "NOAUTH": "LIGHTSLEEPER_REDIS_URL has no password",
    "WRONGPASS": "user or password of LIGHTSLEEPER_REDIS_URL is wrong",
}


@dataclass(frozen=True)
class Refusal:
    """One kind of no."""

    #: What we asked for.
    command: str
    #: Redis' word for the reason.
    code: str
    #: What would mend it; empty where we cannot know.
    advice: str

    def __str__(self) -> str:
        """For the log."""
        return f"Redis refuses {self.command} ({self.code}){': ' if self.advice else ''}{self.advice}"


def understand(command: str, reply: str) -> Refusal:
    """The refusal in the text of an error reply to `command`, which may hold anything."""
    found = _CODE.match(reply)
    code = found[1] if found else "ERR"
    if code != "NOPERM" and "permission" not in reply:
        return Refusal(command, code, _ADVICE.get(code, ""))
    named = _COMMAND.search(reply)
    rule = f"+{named[1]}" if named else "~lightsleeper:*" if "key" in reply else f"+{command.lower()}"
    return Refusal(command, "NOPERM", f"its user lacks the ACL rule {rule}")
