"""What one entry is in Redis: a version, the logits, and with a secret a signature. Knows no connection.

    1  float32 × labels                  without a secret
    2  float32 × labels  16 bytes        with one: BLAKE2b, keyed, of the entry's key and all that stands before

The signature covers the key, too: whoever can write to Redis can neither invent an answer nor hand one text's to
another. What remains to them is to delete.
"""

import hmac
import math
import struct

from lightsleeper.cache.cache import Secret
from lightsleeper.model.prediction import Logits

#: First byte of every value. Another layout gets another number; what does not begin with it is a miss.
UNSIGNED = 1
SIGNED = 2

_SIGNATURE_BYTES = 16


class ValueFormat:
    """Logits ↔ bytes."""

    def __init__(self, labels: int, secret: Secret | None = None) -> None:
        """`labels` is how many floats a value holds."""
        self._layout = struct.Struct(f"<B{labels}f")
        self._version = SIGNED if secret else UNSIGNED
        self._signer = secret.derive(b"values", _SIGNATURE_BYTES) if secret else None
        #: Bytes of every value.
        self.size = self._layout.size + (_SIGNATURE_BYTES if secret else 0)

    def pack(self, key: bytes, logits: Logits) -> bytes:
        """The value that holds `logits` under `key`."""
        payload = self._layout.pack(self._version, *logits)
        return payload + self._signature(key, payload)

    def unpack(self, key: bytes, value: object) -> Logits | None:
        """The logits that `pack` put into `value` for this very `key`; None for anything else."""
        if not isinstance(value, bytes) or len(value) != self.size or value[0] != self._version:
            return None
        payload = value[: self._layout.size]
        if not hmac.compare_digest(value[self._layout.size :], self._signature(key, payload)):
            return None
        logits: Logits = self._layout.unpack(payload)[1:]
        return logits if all(map(math.isfinite, logits)) else None

    def _signature(self, key: bytes, payload: bytes) -> bytes:
        if self._signer is None:
            return b""
        state = self._signer.copy()
        state.update(key)
        state.update(payload)
        return state.digest()
