"""The limits of control groups are found in both versions, wherever they are mounted and however deep the group is."""

from __future__ import annotations

import pytest

from convbench.machine.container import ContainerLimits, container_limits, is_container

V2_MOUNT = "30 23 0:26 {mounted} /sys/fs/cgroup rw - cgroup2 cgroup rw,nsdelegate\n"
V1_MOUNTS = (
    "32 31 0:29 {mounted} /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 {mounted} /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
)


@pytest.fixture
def root(tmp_path):
    """Writes files below a folder that stands in for /."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return write


def _v2(group, mounted, files):
    return {
        "proc/self/cgroup": f"0::{group}\n",
        "proc/self/mountinfo": V2_MOUNT.format(mounted=mounted),
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }


def test_version_2_in_a_namespace(root):
    files = {
        "cpu.max": "150000 100000\n", "cpu.stat": "usage_usec 5\nnr_throttled 7\n",
        "memory.max": "1000000\n", "memory.current": "600000\n", "memory.stat": "anon 1\ninactive_file 100000\n",
    }  # fmt: skip
    found = container_limits(root(_v2("/", "/", files)))
    assert found == ContainerLimits(1.5, 1_000_000, 500_000, 7, known=True)


def test_the_tightest_of_a_group_and_those_above_it_counts(root):
    files = {
        "a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n", "a/b/memory.max": "max\n",
        "a/memory.max": "4096\n", "a/memory.current": "1096\n",
    }  # fmt: skip
    found = container_limits(root(_v2("/a/b", "/", files)))
    assert (found.cores, found.memory_bytes, found.memory_left_bytes) == (0.5, 4096, 3000)


def test_version_1_whose_mount_shows_the_container_alone(root):
    files = {
        "proc/self/cgroup": "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n0::/\n",
        "proc/self/mountinfo": V1_MOUNTS.format(mounted="/docker/x"),
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "8192\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": "4096\n",
        "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 1024\n",
    }
    found = container_limits(root(files))
    assert (found.cores, found.memory_bytes, found.memory_left_bytes) == (2.0, 8192, 5120)


def test_version_1_without_limits(root):
    files = {
        "proc/self/cgroup": "4:memory:/\n3:cpu,cpuacct:/\n",
        "proc/self/mountinfo": V1_MOUNTS.format(mounted="/"),
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    assert container_limits(root(files)) == ContainerLimits(known=True)


@pytest.mark.parametrize("mountinfo", ["", "nonsense\n", "a b c d e - cgroup2\n", "- - -\n"])
def test_files_that_are_missing_or_damaged_are_no_limit(root, mountinfo):
    found = container_limits(root({"proc/self/cgroup": "x\n0::/a\n", "proc/self/mountinfo": mountinfo}))
    assert found == ContainerLimits(known=True)


def test_a_system_without_control_groups_is_known_as_such(tmp_path):
    assert container_limits(tmp_path) == ContainerLimits()


OVERLAY = "544 519 0:50 / / rw,relatime - overlay overlay rw,lowerdir=/a\n"
DISK = "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"


@pytest.mark.parametrize(
    ("files", "environment", "expected"),
    [
        ({".dockerenv": ""}, {}, True),
        ({"run/.containerenv": "engine=podman"}, {}, True),
        ({"proc/self/mountinfo": OVERLAY}, {}, True),
        ({"proc/self/mountinfo": DISK}, {"container": "systemd-nspawn"}, True),
        ({"proc/self/mountinfo": DISK}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, True),
        ({"proc/self/mountinfo": DISK + OVERLAY.replace(" / rw", " /var/lib/docker/x rw")}, {}, False),
        ({}, {}, False),
    ],
)
def test_a_container_is_known_by_what_its_engine_leaves(root, files, environment, expected):
    assert is_container(root(files), environment) == expected
