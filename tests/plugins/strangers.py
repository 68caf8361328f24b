"""Backends that misbehave, one kind each, and elsewhere reshape rightly: what no run may be broken by."""

import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np

from convbench_specs import Available, Backend, Flatten, Prepared, Unsupported, hookimpl

NASTY = "\x1b[2J\x1b]0;owned\x07 \udcff \u202e \x00 <script>alert(1)</script> [bold]x[/bold] [/nope]\nTraceback"
ALL = []


class Stranger(Backend):
    """Right, but for what a subclass does."""

    def __init_subclass__(cls):
        cls.name = "".join(f"-{c.lower()}" if c.isupper() else c for c in cls.__name__).strip("-")
        ALL.append(cls)

    def availability(self, device):
        return Available("1")

    def prepare(self, case, tensors):
        if not isinstance(case.operation, Flatten):
            return Unsupported("only flatten")
        x, dy = tensors.x.copy(), tensors.dy.copy()

        def forward():
            self.misbehave()
            return x.reshape(len(x), -1).copy()

        return Prepared(forward=forward, backward=lambda: (dy.reshape(x.shape).copy(), None, None))

    def misbehave(self):
        """Nothing."""


def connection():
    """The descriptor of the socket to the host, as a plug-in can find it."""
    for number in range(3, 64):
        link = Path(f"/proc/self/fd/{number}")
        if link.is_symlink() and str(link.readlink()).startswith("socket:"):
            return number
    raise LookupError


# -- what it says of itself


class VersionNasty(Stranger):
    def availability(self, device):
        return Available(NASTY)


class VersionNumber(Stranger):
    def availability(self, device):
        return Available(12)


class AvailabilityNone(Stranger):
    def availability(self, device):
        return None


class AvailabilityExits(Stranger):
    def availability(self, device):
        os._exit(4)


class AvailabilityRaisesNasty(Stranger):
    def availability(self, device):
        raise RuntimeError(NASTY)


class DevicesNone(Stranger):
    devices = None


class DevicesGenerator(Stranger):
    devices = (each for each in ("cpu",))


class PackagesNasty(Stranger):
    packages = ("../../etc", "", "\0")


class ContractText(Stranger):
    contract = "1.0"


class ContractHuge(Stranger):
    contract = (1, 10**400)


class OrderHuge(Stranger):
    display_order = 10**400


class SummaryNasty(Stranger):
    summary = NASTY.replace("\udcff", "")


class OperationsLie(Stranger):
    operations = ("conv", "pool", "flatten", NASTY.replace("\udcff", ""))


class TakesHome(Stranger):
    from convbench_specs import FrameworkVariables

    framework_variables = FrameworkVariables(threads=("HOME", "PATH"))


class RaisesAtAttribute(Stranger):
    @property
    def summary(self):
        raise SystemExit(9)


class RaisesAtConstruction(Stranger):
    def __init__(self):
        raise KeyboardInterrupt


# -- environment


class EnvironmentRaises(Stranger):
    def environment(self, settings):
        raise RuntimeError(NASTY)


class EnvironmentNone(Stranger):
    def environment(self, settings):
        return None


class EnvironmentNumbers(Stranger):
    def environment(self, settings):
        return {"A": 1, 2: "b"}


class EnvironmentNul(Stranger):
    def environment(self, settings):
        return {"A": "a\0b"}


class EnvironmentTooLong(Stranger):
    def environment(self, settings):
        return {f"A{n}": "x" * 90_000 for n in range(100)}


class EnvironmentExits(Stranger):
    def environment(self, settings):
        sys.exit(0)


# -- start


class StartNone(Stranger):
    def start(self, settings):
        return None


class FactsOdd(Stranger):
    def start(self, settings):
        return {1: object(), None: b"x", "nasty": NASTY, "deep": [[[[]]]]}


class FactsMany(Stranger):
    def start(self, settings):
        return {f"{n}": "x" * 10_000 for n in range(10_000)}


class StartExits(Stranger):
    def start(self, settings):
        sys.exit("done")


class StartKillsByRealTime(Stranger):
    def start(self, settings):
        os.kill(os.getpid(), signal.SIGRTMIN + 2)


# -- predict_s


class PredictsText(Stranger):
    def predict_s(self, case, batch_size, pass_name):
        return "soon"


class PredictsNan(Stranger):
    def predict_s(self, case, batch_size, pass_name):
        return float("nan")


class PredictsHuge(Stranger):
    def predict_s(self, case, batch_size, pass_name):
        return 1e300


class PredictsNegative(Stranger):
    def predict_s(self, case, batch_size, pass_name):
        return -1


class PredictsBeyondFloat(Stranger):
    def predict_s(self, case, batch_size, pass_name):
        return 10**400


# -- prepare


class PreparesNone(Stranger):
    def prepare(self, case, tensors):
        return None


class PreparesGenerator(Stranger):
    def prepare(self, case, tensors):
        yield 1


class ReasonNasty(Stranger):
    def prepare(self, case, tensors):
        return Unsupported(NASTY)


class ReasonNoText(Stranger):
    def prepare(self, case, tensors):
        return Unsupported(object())


class PhasesLikeColumns(Stranger):
    def prepare(self, case, tensors):
        x = tensors.x.copy()
        return Prepared(forward=lambda: x.reshape(len(x), -1).copy(), phases_s={"status": 1.0, "backend": 2.0})


class AlgorithmNasty(Stranger):
    def prepare(self, case, tensors):
        x = tensors.x.copy()
        return Prepared(forward=lambda: x.reshape(len(x), -1).copy(), algorithm=NASTY, layout=NASTY)


# -- the calls


class RaisesNasty(Stranger):
    def misbehave(self):
        raise RuntimeError(NASTY)


class RaisesSystemExit(Stranger):
    def misbehave(self):
        raise SystemExit(3)


class RaisesKeyboardInterrupt(Stranger):
    def misbehave(self):
        raise KeyboardInterrupt


class RaisesUnspeakable(Stranger):
    def misbehave(self):
        class UnspeakableError(Exception):
            def __str__(self):
                raise ValueError("no words")

            __repr__ = __str__

        raise UnspeakableError


class Recurses(Stranger):
    def misbehave(self):
        self.misbehave()


class ForksAndReturns(Stranger):
    def misbehave(self):
        os.fork()


class WritesFrames(Stranger):
    def misbehave(self):
        body = json.dumps({"reply": "ran", "first_call_s": 1, "call_s": 1, "outputs": {}}).encode()
        os.write(connection(), struct.pack(">I", len(body)) + body)


class WritesHugeLength(Stranger):
    def misbehave(self):
        os.write(connection(), b"\xff" * 4096)


class ClosesEverything(Stranger):
    def misbehave(self):
        os.closerange(0, 256)


class ReadsTheConnection(Stranger):
    def misbehave(self):
        socket.socket(fileno=os.dup(connection())).shutdown(socket.SHUT_RDWR)


class KilledByRealTime(Stranger):
    def misbehave(self):
        os.kill(os.getpid(), signal.SIGRTMIN + 7)


class StopsItself(Stranger):
    def misbehave(self):
        os.kill(os.getpid(), signal.SIGSTOP)


class LeavesDaemon(Stranger):
    def misbehave(self):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)


class LeavesDaemonAndDies(LeavesDaemon):
    def misbehave(self):
        super().misbehave()
        os._exit(5)


class Patches(Stranger):
    def start(self, settings):
        json.dumps = json.loads = socket.socket.sendall = lambda *a, **k: b"{}"
        time.monotonic = lambda: 0.0
        os.getpid = lambda: 1
        return {}


class PatchesAtConstruction(Stranger):
    def __init__(self):
        import msgspec

        msgspec.convert = msgspec.to_builtins = lambda *a, **k: {}


class DeletesScratch(Stranger):
    def start(self, settings):
        self.folder = settings.scratch_folder
        return {}

    def misbehave(self):
        import shutil

        shutil.rmtree(self.folder, ignore_errors=True)


def results_of(backend):
    """Where the results of a backend pass."""
    return Path(backend.folder).parents[1] / backend.name


class DeletesEverything(DeletesScratch):
    def misbehave(self):
        import shutil

        shutil.rmtree(Path(self.folder).parents[1], ignore_errors=True)


class LinksItsResults(DeletesScratch):
    def start(self, settings):
        super().start(settings)
        results_of(self).symlink_to("/nowhere/at/all")
        return {}

    def misbehave(self):
        """Nothing more."""


class RemovesItsResults(DeletesScratch):
    def misbehave(self):
        def remove():
            while True:
                for file in results_of(self).glob("*.npy"):
                    file.unlink(missing_ok=True)

        threading.Thread(target=remove, daemon=True).start()


class ChangesTheInputs(DeletesScratch):
    def misbehave(self):
        for file in Path(self.folder).parents[1].glob("*.npy"):
            np.save(file, np.zeros_like(np.load(file)))


class ReplacesItsLog(Stranger):
    def start(self, settings):
        log = Path(os.environ["CONVBENCH_STRANGER"]) / "run" / "logs" / f"{self.name}.log"
        log.unlink()
        os.mkfifo(log)
        os._exit(1)


class RemovesTheLogs(Stranger):
    def misbehave(self):
        import shutil

        shutil.rmtree(Path(os.environ["CONVBENCH_STRANGER"]) / "run" / "logs", ignore_errors=True)


class HidesDaemon(Stranger):
    def misbehave(self):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execve("/bin/sleep", ["sleep", "97613"], {})
            os._exit(0)


class MemoryCounterExits(Stranger):
    def memory_counter(self):
        raise SystemExit(0)


class Locks(Stranger):
    def misbehave(self):
        os.umask(0o777)
        os.chdir("/")
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_IGN)


class LimitsItself(Stranger):
    def misbehave(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


class PrintsMuch(Stranger):
    def misbehave(self):
        os.write(1, (NASTY.encode(errors="replace") + b"x" * 1000) * 2000)
        for _ in range(1000):
            warnings.warn(NASTY.replace("\udcff", ""), stacklevel=1)


class Spins(Stranger):
    def start(self, settings):
        def spin():
            while True:
                pass

        threading.Thread(target=spin, daemon=True).start()
        return {}


class RaisesInDel(Stranger):
    def misbehave(self):
        class Raises:
            def __del__(self):
                raise SystemExit(NASTY)

        Raises()


# -- the results


class HostileArray(np.ndarray):
    def __array__(self, *args, **kwargs):
        raise KeyboardInterrupt

    def __repr__(self):
        raise SystemExit(1)

    __str__ = __repr__


class ReturnsHostile(Stranger):
    def prepare(self, case, tensors):
        x = tensors.x.copy()
        return Prepared(forward=lambda: x.reshape(len(x), -1).copy().view(HostileArray))


def work():
    """Some milliseconds of it."""
    for _ in range(60):
        np.sort(np.arange(20_000)[::-1] % 1_009)


class WorksInToNumpy(Stranger):
    def prepare(self, case, tensors):
        x = tensors.x.copy()

        def to_numpy(tensor, native):
            work()
            return x.reshape(len(x), -1).copy()

        return Prepared(forward=object, to_numpy=to_numpy)


class WorksInWait(Stranger):
    def prepare(self, case, tensors):
        x = tensors.x.copy()

        def wait(native):
            if not native:
                work()
                native.append(x.reshape(len(x), -1).copy())

        return Prepared(forward=list, wait=wait, to_numpy=lambda tensor, native: native[0], runs_in_order=True)


class FinishesLate(Stranger):
    def prepare(self, case, tensors):
        x = tensors.x.reshape(len(tensors.x), -1).copy()

        def forward():
            y = np.empty_like(x)
            y[0], y[1:] = x[0], 0

            def finish():
                y[...] = x

            threading.Timer(0.001, finish).start()
            return y

        return Prepared(forward=forward)


class ReturnsText(Stranger):
    def prepare(self, case, tensors):
        return Prepared(forward=lambda: NASTY)


class ReturnsObjects(Stranger):
    def prepare(self, case, tensors):
        x = tensors.x
        return Prepared(forward=lambda: x.reshape(len(x), -1).astype(object))


class OneInfinity(Stranger):
    def prepare(self, case, tensors):
        y = tensors.x.reshape(len(tensors.x), -1).copy()
        y.flat[-1] = np.inf
        return Prepared(forward=y.copy)


@hookimpl
def convbench_backends():
    return ALL
