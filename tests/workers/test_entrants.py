"""Who takes part in a run: names, options and interpreters, and one line for everything that cannot be."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from other_interpreter import install, make_interpreter, own_packages

from convbench.errors import UsageError
from convbench.plan.entrants import Entrant
from convbench.workers.discovery.interpreter import ask_interpreter
from convbench.workers.entrants import Entry
from convbench.workers.environment import OF_ONE_INTERPRETER, variables_for
from convbench.workers.plugins import find_backends
from convbench.workers.protocol import PROTOCOL

OPTIONAL = """
from convbench_specs import Available, Backend, Flatten, Option, Prepared, Unavailable, Unsupported, hookimpl

class Optional(Backend):
    name = "optional"
    options = (
        Option("order", default="rows", choices=("rows", "columns"), meaning="What comes first."),
        Option("blocks", default=4, meaning="How many."),
    )

    def availability_with(self, settings):
        if settings.options["order"] == "columns" and settings.options["blocks"] > 8:
            return Unavailable("columns come in at most 8 blocks")
        return Available("1.0")

    def prepare(self, case, tensors):
        return Unsupported("nothing")

@hookimpl
def convbench_backends():
    return [Optional]
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("other") / "env"
    make_interpreter(folder)
    install(folder, "only_there", "2.5", OPTIONAL.replace('"optional"', '"only-there"'))
    return folder


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    file = tmp_path_factory.mktemp("plugin") / "optional.py"
    file.write_text(OPTIONAL)
    return find_backends([str(file)])


def entered(registry, *texts, names=None, against=""):
    return Entry(registry).entered(names, [Entrant.parse(text) for text in texts], against, "cpu")


def test_options_have_their_values_or_the_defaults_and_the_plain_backend_keeps_its_own(registry):
    plain, other = entered(registry, "other=optional:blocks=8,threads=1,allocator=tuned", names=["optional"])
    assert dict(plain.options) == {"order": "rows", "blocks": 4}
    assert dict(other.options) == {"order": "rows", "blocks": 8}
    assert (other.threads, other.allocator) == (1, "tuned")
    assert (other.backend.name, other.known_as) == ("other", "optional")
    assert plain.is_plain
    assert not other.is_plain


def test_entrants_take_part_alone_unless_backends_are_named(registry):
    assert [each.backend.name for each in entered(registry, "a=naive", "b=naive")] == ["a", "b"]
    both = entered(registry, "a=naive", names=["numpy-im2col"])
    assert [each.backend.name for each in both] == ["numpy-im2col", "a"]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["a=optinal"], "unknown backend 'optinal'; did you mean optional?"),
        (["a=optional:blocks=many"], "blocks = 'many' is no whole number of at least 1"),
        (["a=optional:order=diagonal"], "order = 'diagonal' is not one of rows, columns"),
        (["a=optional:ordr=rows"], "unknown option 'ordr'; did you mean order?"),
        (["a=naive:order=rows"], "unknown option 'order'"),
        (["oracle=naive"], "'oracle' cannot be the name of an entrant"),
        (["a=naive:threads=0"], "threads = '0' is no whole number"),
        (["a=naive:allocator=tund"], "unknown allocator 'tund'; did you mean tuned?"),
        (["a=naive", "a=optional"], "two entrants are named 'a'"),
        (["naive=optional"], "'naive' is the name of another backend"),
        (["a=optional:order=columns,blocks=9"], "entrant a cannot run: columns come in at most 8 blocks"),
        (["a=naive@/nowhere/python"], "there is no interpreter /nowhere/python"),
        (["a=naive@/bin/true"], "/bin/true is no Python interpreter"),
        (["a=naive@/tmp"], "without bin/python"),
        (["a=mine@/nowhere/mine.py"], "plug-in /nowhere/mine.py cannot be used"),
    ],
)
def test_what_cannot_take_part_is_refused_in_one_line(registry, texts, said):
    with pytest.raises(UsageError) as refused:
        entered(registry, *texts)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_another_interpreter_tells_what_it_is_and_what_is_installed_there(environment):
    found = ask_interpreter(str(environment))
    assert found.path == str(environment / "bin" / "python")
    assert found.python == sys.version.split()[0]
    assert found.protocol == PROTOCOL
    assert found.versions(("numpy", "only_there", "not-there")) == {
        "numpy": ask_interpreter(sys.executable).packages["numpy"],
        "only_there": "2.5",
    }


def test_an_interpreter_without_convbench_or_with_another_protocol_is_told_what_to_install(tmp_path):
    bare = make_interpreter(tmp_path / "bare")
    (own_packages(tmp_path / "bare") / "packages_of_the_tests.pth").unlink()
    with pytest.raises(UsageError, match=r"has no convbench: .*bare/bin/python -m pip install convbench=="):
        ask_interpreter(str(bare))
    later = make_interpreter(tmp_path / "later")
    patched = "import convbench.workers.protocol as protocol; protocol.PROTOCOL = 99"
    (own_packages(tmp_path / "later") / "zz_later.pth").write_text(patched + "\n")
    with pytest.raises(UsageError, match=rf"speaks protocol 99, and this convbench {PROTOCOL}: .* -m pip install"):
        ask_interpreter(str(later))


def test_a_plug_in_of_another_interpreter_takes_part_though_it_is_not_installed_here(registry, environment):
    (there,) = entered(registry, f"a=only-there:blocks=2@{environment}")
    assert there.plugin.python == str(environment / "bin" / "python")
    assert there.options["blocks"] == 2
    assert there.interpreter.versions(("only_there",)) == {"only_there": "2.5"}


def test_against_doubles_who_was_chosen_with_the_same_options(registry, environment):
    found = entered(registry, "np1=numpy-im2col:threads=1", names=["naive"], against=str(environment))
    assert [each.backend.name for each in found] == ["naive", "naive-base", "np1", "np1-base"]
    assert [each.threads for each in found] == [0, 0, 1, 1]
    assert [bool(each.plugin.python) for each in found] == [False, True, False, True]
    with pytest.raises(UsageError, match="has no backend 'optional': install its plug-in there"):
        entered(replace(registry, named=()), names=["optional"], against=str(environment))


def test_what_tells_where_packages_are_is_not_passed_to_another_interpreter():
    own = dict.fromkeys(OF_ONE_INTERPRETER, "x") | {"PATH": "/usr/bin", "HOME": "/root"}
    assert variables_for(own, "") == own
    assert variables_for(own, "/envs/old/bin/python") == {"PATH": "/envs/old/bin:/usr/bin", "HOME": "/root"}
