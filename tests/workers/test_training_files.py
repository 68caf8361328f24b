"""Where a process that trains writes its arrays."""

from __future__ import annotations

from convbench.workers.training.files import remove_watched, watched_file


def test_what_was_kept_of_a_watched_step_is_removed_and_nothing_else(tmp_path):
    for step, layer, tensor in ((3, 0, "x"), (3, 1, "y"), (4, 0, "x")):
        path = watched_file(tmp_path, step, layer, tensor)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"numbers")
    remove_watched(tmp_path, 3)
    remove_watched(tmp_path, 5)
    assert [path.parent.name for path in tmp_path.rglob("*.npy")] == ["watched-4"]
