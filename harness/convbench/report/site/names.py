"""Names of files and anchors for what strangers have named: a readable beginning, and digits that tell it apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

LONGEST = 40
DIGITS = 8


def page_name(text: str, key: Iterable[str]) -> str:
    """A name of letters a to z, digits and hyphens; `key` is all that makes the thing what it is.

    >>> page_name("../My laptop", ["My laptop", "a1b2"])
    'my-laptop-4fb6df41'
    """
    digest = hashlib.sha256("\0".join(key).encode(errors="backslashreplace")).hexdigest()[:DIGITS]
    readable = re.sub(r"[^a-z0-9]+", "-", text.lower())[:LONGEST].strip("-")
    return f"{readable}-{digest}" if readable else digest
