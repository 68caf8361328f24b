"""The checks of CI, each in a virtual environment of its own: `nox`, or `nox -s lint tests-3.12`.

A Python that is not there is left out. With `nox --no-venv -s tests` they run in the environment that is active, and
nothing is installed.
"""

import nox

PYTHONS = ("3.11", "3.12", "3.13")
nox.options.sessions = ["lint", "tests"]
nox.options.reuse_venv = "yes"


def install(session: nox.Session) -> None:
    """This checkout, with everything that its tests need, in the versions that are known to work."""
    if session.virtualenv.venv_backend != "none":
        session.install("-c", "constraints.txt", "-e", ".[all,test]")


@nox.session
def lint(session: nox.Session) -> None:
    """The linters and the type checker."""
    install(session)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports", "--no-cache")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The ordinary tests; further words go to pytest, `nox -s tests-3.12 -- tests/specs`."""
    install(session)
    session.run("pytest", *(session.posargs or ["-n", "2"]))


@nox.session(python=PYTHONS)
def slow(session: nox.Session) -> None:
    """The tests that take more than a few seconds each."""
    install(session)
    session.run("pytest", "-m", "slow", *(session.posargs or ["-n", "2"]))
