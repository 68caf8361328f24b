"""Stands for `python -m convbench` where sweeps are tested: a run of a few steps that takes as long as it is told.

    stub_convbench.py doctor --json
    stub_convbench.py compare WORKLOAD ... --output FOLDER
    stub_convbench.py compare --resume FOLDER

STUB_STEPS and STUB_STEP_S say how many steps a run has, and how long each takes. The workload "missing" fails as one
that is not there does, "wrong" ends as a run with a wrong backend does. It imports nothing of convbench, so that it
answers in milliseconds; a test holds what it writes to what convbench reads.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

HEADER = {"schema": 3, "command": "stub", "settings": {}, "machine": {}, "packages": {}, "workloads": []}


def main(arguments: list[str]) -> int:
    """The exit code."""
    if arguments[0] == "doctor":
        print('{"findings": [{"topic": "load", "level": "warning", "text": "The load is 9."}]}')
        return 0
    resumed = "--resume" in arguments
    folder = Path(arguments[arguments.index("--resume" if resumed else "--output") + 1])
    if arguments[1] == "missing":
        print("convbench: unknown workload 'missing'")
        return 2
    if not resumed:
        if (folder / "run.json").exists():
            print(f"convbench: {folder} holds a run already")
            return 2
        folder.mkdir(exist_ok=True)
        header = {**HEADER, "started": datetime.now(UTC).isoformat(), "arguments": arguments}
        text = json.dumps(header | {"crc32": f"{crc32(json.dumps(header).encode()):08x}"})
        (folder / "run.json.new").write_text(text)
        (folder / "run.json.new").rename(folder / "run.json")
    with (folder / "journal.jsonl").open("ab", buffering=0) as journal:
        fcntl.flock(journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        whole = (folder / "journal.jsonl").read_bytes()
        whole = whole[: whole.rfind(b"\n") + 1]
        journal.truncate(len(whole))
        make_steps(journal, whole.splitlines())
    return int("wrong" in arguments)


def make_steps(journal, lines: list[bytes]) -> None:
    """Write the steps that are missing, and the end."""
    if lines and b'"finished"' in lines[-1]:
        return
    checksum = int(lines[-1][-10:-2], 16) if lines else 0
    begin = time.monotonic()
    for number in range(len(lines), int(os.environ.get("STUB_STEPS", "3"))):
        time.sleep(float(os.environ.get("STUB_STEP_S", "0.01")))
        step = {"event": "warning", "text": f"step {number} by {os.environ.get('STUB_NAME', '')}"}
        checksum = write(journal, step, checksum)
    write(journal, {"event": "finished", "duration_s": time.monotonic() - begin, "interrupted": False}, checksum)


def write(journal, event: dict[str, object], before: int) -> int:
    """Append a line; its checksum."""
    body = json.dumps(event).encode()
    checksum = crc32(body, before)
    journal.write(body[:-1] + b', "crc32": "%08x"}\n' % checksum)
    return checksum


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
