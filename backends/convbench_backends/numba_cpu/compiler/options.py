"""Every option with which Numba compiles kernels, and its reason.

- `reassoc` and `contract` let LLVM vectorise sums and fuse multiply-adds; NaN, infinity and division keep their IEEE
  meaning, which a maximum over -inf relies on.
- Compiled code is kept on disk only where NUMBA_CACHE_DIR names a folder: Numba does not see that a kernel is stale
  when only a part in another file was edited. The folder that workers get is of this code and machine alone, see
  cache_key.py.
"""

from __future__ import annotations

import os
from typing import Any

OPTIONS: dict[str, Any] = {
    "fastmath": {"reassoc", "contract", "nsz"},
    "boundscheck": False,
    "error_model": "numpy",
}
CACHE = bool(os.environ.get("NUMBA_CACHE_DIR"))
