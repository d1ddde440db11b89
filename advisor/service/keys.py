"""API keys: random, shown once when made, and kept only as hashes.

The file has one key a line: a name, a space, and the SHA-256 of the key in hex. A key holds 256 random bits, so a plain
hash cannot be turned back, and a slow one would only slow every request.
"""

import hashlib
import hmac
import os
import re
import secrets

from advisor.errors import InputRefused, UsageError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LINE = re.compile(rf"({_NAME.pattern}) ([0-9a-f]{{64}})")


class Keys:
    """The keys that are known.

    >>> keys = Keys({"team": hashed("secret")})
    >>> keys.owner("secret"), keys.owner("guess")
    ('team', None)
    """

    def __init__(self, hashes: dict[str, str]) -> None:
        self._hashes = {name: bytes.fromhex(value) for name, value in hashes.items()}

    def owner(self, key: str) -> str | None:
        """The name of a key, None for one that is not known; it takes as long whichever key it is."""
        given = bytes.fromhex(hashed(key))
        found = None
        for name, known in self._hashes.items():
            if hmac.compare_digest(given, known):
                found = name
        return found


def hashed(key: str) -> str:
    """The hash of a key, in hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read(path: str) -> Keys | None:
    """The keys in a file; None where `path` is empty.

    Raises:
        InputRefused: the file cannot be read or has a line that is no key; names file and line.
    """
    if not path:
        return None
    return Keys(_lines(path))


def add(path: str, name: str) -> str:
    """Add a new key to the file and return it; it is written nowhere else.

    Raises:
        UsageError: the name is taken, or not 1 to 64 letters, digits, dots, - and _.
        InputRefused: the file cannot be read or written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a key; use 1 to 64 letters, digits, dots, - and _")
    if not path:
        raise UsageError("there is no file of keys; name it with --keys FILE")
    if os.path.exists(path) and name in _lines(path):
        raise UsageError(f"{path} has a key {name!r} already; take its line out first")
    key = secrets.token_urlsafe(32)
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii") as file:
            file.write(f"{name} {hashed(key)}\n")
    except OSError as error:
        raise InputRefused(f"{path} cannot be written: {error.strerror}", code="file_unwritable") from error
    return key


def _lines(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise InputRefused(f"{path} cannot be read: {error.strerror}", code="file_unreadable") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            match = _LINE.fullmatch(line.strip())
            if match is None:
                raise InputRefused(f"{path}:{number}: write NAME, a space and 64 hex digits", code="keys_invalid")
            found[match[1]] = match[2]
    return found
