"""Backends that misbehave, each at one case of faulty.toml and rightly elsewhere: what a runner must survive."""

import os
import signal
import sys
import threading

from convbench_specs import Available, Backend, Flatten, Prepared, Unsupported, hookimpl


class _Reshape(Backend):
    """Right, but for what `misbehave` does at the case named "bad"."""

    def availability(self, device):
        return Available("1")

    def prepare(self, case, tensors):
        if not isinstance(case.operation, Flatten):
            return Unsupported("only flatten")
        x, dy, bad = tensors.x.copy(), tensors.dy.copy(), case.name == "bad"

        def forward():
            if bad:
                self.misbehave()
            return x.reshape(len(x), -1).copy()

        return Prepared(forward=forward, backward=lambda: (dy.reshape(x.shape).copy(), None, None))

    def misbehave(self):
        """Nothing: the honest one."""


class Honest(_Reshape):
    name = "honest"


class Raises(_Reshape):
    name = "raises"

    def misbehave(self):
        raise ArithmeticError("the kernel is out of order")


class Hangs(_Reshape):
    name = "hangs"

    def misbehave(self):
        threading.Event().wait()


class Prints(_Reshape):
    name = "prints"

    def misbehave(self):
        print('{"ok": {}}' * 1000)
        os.write(1, b"\x00\x00\x00\x02{}" * 1000)
        sys.stdout.flush()


class Exits(_Reshape):
    name = "exits"

    def misbehave(self):
        os.write(2, b"goodbye\n")
        os._exit(3)


class Killed(_Reshape):
    name = "killed"

    def misbehave(self):
        os.kill(os.getpid(), signal.SIGKILL)


class OutOfMemory(_Reshape):
    name = "out-of-memory"

    def misbehave(self):
        raise MemoryError("no 12 TB here")


class NeverStarts(_Reshape):
    name = "never-starts"

    def start(self, settings):
        raise ImportError("its library is broken")


@hookimpl
def convbench_backends():
    return [Honest, Raises, Hangs, Prints, Exits, Killed, OutOfMemory, NeverStarts]
