"""The file for a queueing system is read strictly, and says what dask-jobqueue is asked for."""

from __future__ import annotations

import pytest

from convbench.errors import UsageError
from convbench.sweep.engines.queue_config import read_queue_config


def read(tmp_path, text, system="slurm"):
    path = tmp_path / "cluster.toml"
    path.write_text(text)
    return read_queue_config(path, system)


def test_a_kind_has_its_machines_and_keywords(tmp_path):
    (epyc, gpu) = read(tmp_path, '[epyc]\nmachines = 2\nmemory = "8GB"\n[gpu]\nmemory = "1GB"\nqueue = "gpus"\n')
    assert (epyc.kind, epyc.machines) == ("epyc", 2)
    assert epyc.keywords == {"cores": 1, "memory": "8GB", "job_extra_directives": ["--exclusive"]}
    assert gpu.keywords["queue"] == "gpus"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must have a table for each kind of machine"),
        ("memory = 3", "must have a table for each kind of machine"),
        ("[machine]", "memory is missing"),
        ('[machine]\nmemroy = "8GB"', "unknown key 'memroy'; did you mean memory"),
        ('[machine]\nmemory = "8GB"\nmachines = 0', "machines must be a whole number of at least 1, not 0"),
        ('[machine]\nmemory = "8GB"\nqueue = 3', "queue must be text, not 3"),
        ('[machine]\nmemory = "8GB"\njob_extra_directives = "-x"', "job_extra_directives must be a list of texts"),
        ('[machine]\nmemory = "8GB"\nresource_spec = "a"', "unknown key 'resource_spec'"),
    ],
)
def test_what_is_wrong_is_said_with_kind_and_key(tmp_path, text, said):
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert "cluster.toml" in str(caught.value)
