"""Another Python interpreter, asked what it is and what is installed there, before anything of it takes part in a run.

It answers a script that needs nothing but the standard library, so an interpreter without convbench, or with one that
speaks another protocol, can be refused in one line that says what to install there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import msgspec

from convbench.errors import UsageError
from convbench.workers.environment import variables_for
from convbench.workers.protocol import PROTOCOL
from convbench_specs import CONTRACT

ANSWER_LIMIT_S = 60.0
QUESTION = """
import sys
sys.path[:1] = []
import json, platform
import importlib.metadata as metadata
found = {"python": platform.python_version(), "packages": {}, "plugins": []}
for each in metadata.distributions():
    name = each.metadata["Name"]
    if name:
        found["packages"].setdefault(name.lower().replace("_", "-"), each.version)
try:
    for each in metadata.entry_points(group="convbench"):
        found["plugins"].append({"name": each.name, "module": each.module, "package": each.dist.name})
    from convbench.workers.protocol import PROTOCOL
    from convbench_specs import CONTRACT
    found.update(protocol=PROTOCOL, contract=list(CONTRACT))
except Exception:
    pass
print()
print(json.dumps(found))
"""


class InstalledPlugin(msgspec.Struct, frozen=True):
    """An entry point of the group of plug-ins, and the distribution that it is from."""

    name: str
    module: str
    package: str


class Interpreter(msgspec.Struct, frozen=True):
    """What an interpreter told of itself; `packages` are versions by the name of the distribution, in lower case."""

    python: str
    packages: dict[str, str]
    plugins: tuple[InstalledPlugin, ...] = ()
    protocol: int | None = None
    contract: tuple[int, int] | None = None
    path: str = ""

    @property
    def convbench(self) -> str:
        """Version of convbench there; empty where there is none."""
        return self.packages.get("convbench", "")

    def versions(self, packages: tuple[str, ...]) -> dict[str, str]:
        """Versions of these distributions, without those that are not installed."""
        known = {name: self.packages.get(name.lower().replace("_", "-")) for name in packages}
        return {name: found for name, found in known.items() if found}


def interpreter_path(where: str) -> str:
    """The absolute path of an interpreter: a path, the folder of a virtual environment, or a command.

    Links are kept, for the interpreter of a virtual environment is one. UsageError where there is none.
    """
    path = Path(where).expanduser()
    if path.is_dir():
        found = path / "bin" / "python"
        if not found.exists():
            raise UsageError(f"{where} is a folder without bin/python: give an interpreter or a virtual environment")
        return os.path.abspath(found)  # noqa: PTH100  # Path.resolve would follow the link
    if path.exists():
        return os.path.abspath(path)  # noqa: PTH100  # as above
    command = shutil.which(where) if os.sep not in where else None
    if command is None:
        raise UsageError(f"there is no interpreter {where}: give the path of one, such as /envs/old/bin/python")
    return os.path.abspath(command)  # noqa: PTH100  # as above


def ask_interpreter(where: str) -> Interpreter:
    """What the interpreter is; UsageError, in one line, where it cannot take part in a run of this convbench."""
    path = interpreter_path(where)
    try:
        answer = subprocess.run(  # noqa: S603  # the user names the interpreter
            [path, "-c", QUESTION],
            env=variables_for(os.environ, path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ANSWER_LIMIT_S,
            check=False,
        )
        found = msgspec.convert(json.loads(answer.stdout.splitlines()[-1]), Interpreter)
    except OSError as error:
        raise UsageError(f"{where} cannot be started: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{where} gave no answer within {ANSWER_LIMIT_S:g} s") from error
    except (ValueError, IndexError) as error:
        raise UsageError(f"{where} is no Python interpreter, or one without a working standard library") from error
    _refuse_if_unfit(found, path)
    return msgspec.structs.replace(found, path=path)


def _refuse_if_unfit(found: Interpreter, path: str) -> None:
    ours = version("convbench")
    install = f"{path} -m pip install convbench=={ours}"
    if not found.convbench:
        raise UsageError(f"{path} (Python {found.python}) has no convbench: {install}")
    if found.protocol is None:
        raise UsageError(f"convbench {found.convbench} of {path} does not load, or cannot be a worker: {install}")
    if found.protocol != PROTOCOL:
        said = f"speaks protocol {found.protocol}, and this convbench {PROTOCOL}"
        raise UsageError(f"convbench {found.convbench} of {path} {said}: {install}")
    if found.contract is None or found.contract[0] != CONTRACT[0]:
        raise UsageError(f"convbench {found.convbench} of {path} has another contract for backends: {install}")
