"""A sweep on hosts that are reached by ssh: here a server of asyncssh on 127.0.0.1."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from dask_cluster import processes_of, until
from paths import TESTS
from swept import STUB, assert_all_there_once, begun, jobs

from convbench.errors import UsageError
from convbench.sweep.conductor import Pace
from convbench.sweep.engines.clusters import by_ssh
from convbench.sweep.engines.dask_engine import NANNY_VARIABLES
from convbench.sweep.sweeping import Way, go_on_with
from convbench.workers.channel.leftovers import end_marked, new_mark

SERVER = str(TESTS / "support" / "ssh_server.py")
asyncssh = pytest.importorskip("asyncssh", reason="asyncssh is not installed: the extra distributed")


@pytest.fixture
def host(tmp_path, monkeypatch):
    """The name of a host that ~/.ssh/config knows, with a mark on all that is started there."""
    folder = tmp_path / "home" / ".ssh"
    folder.mkdir(parents=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "id_ed25519")
    paths = [str(TESTS / "support"), os.environ.get("PYTHONPATH", "")]
    mark = new_mark()
    for name, value in {"HOME": str(folder.parent), "PYTHONPATH": os.pathsep.join(paths),
                        "CONVBENCH_CACHE_DIR": str(tmp_path / "cache"),
                        "CONVBENCH_MACHINE_LOCK": str(tmp_path / "lock")}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    server = subprocess.Popen([sys.executable, SERVER, str(folder / "id_ed25519")], env={**os.environ, **mark},
                              stdout=subprocess.PIPE, text=True)  # fmt: skip
    with server:
        port = int(server.stdout.readline())
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
        (folder / "config").write_text(f"Host bench1\n  HostName 127.0.0.1\n  Port {port}\n  User tester\n")
        yield "bench1"
        ended = until(lambda: set(processes_of(mark)) == {server.pid}, 20.0)
        end_marked(mark)
    assert ended, "workers and scheduler end with the sweep"


@pytest.mark.slow
def test_a_worker_is_started_on_a_host_and_ends_with_the_sweep(host, tmp_path):
    folder, said = begun(tmp_path / "sweep", jobs(2)), []
    pace = Pace(poll_s=0.1, look_s=0.3, machine_s=30.0)
    way = Way(engine=by_ssh([host], None), pace=pace, dropped_variables=NANNY_VARIABLES, command=STUB)
    swept = go_on_with(folder, way, said.append)
    folder.close()
    assert swept.missing == (), said
    assert_all_there_once(tmp_path / "sweep", jobs(2))


def test_ssh_starts_machines_of_one_kind_only():
    with pytest.raises(UsageError, match="the plan has epyc, xeon: start workers by hand"):
        asyncio.run(by_ssh(["bench1"], None)(["epyc", "xeon"]))
