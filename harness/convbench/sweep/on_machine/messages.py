"""What goes to a machine and comes back: plain values, which any engine can send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from hashlib import sha256

from convbench.sweep.plan.jobs import Job

LEASE_S = 120.0
"""Seconds after which a machine ends a job that nobody has asked about: whoever sent it must have died."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a job is on the machine that makes it: which sweep's, and which of its jobs."""

    sweep: str
    job: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is known of a run that was cut short: its files by name, and the machine that it was made on."""

    files: Mapping[str, bytes]
    machine_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A job for a machine.

    `packages` are the versions that the machine must have; None where any will do. `part` is what another try has left.
    `dropped_variables` are environment variables that the engine has set for itself, which would change what is
    measured. `command` stands for `python -m convbench` where it is not empty.
    """

    sweep: str
    job: Job
    packages: Mapping[str, str] | None = None
    part: Part | None = None
    lease_s: float = LEASE_S
    dropped_variables: tuple[str, ...] = ()
    command: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        """Where the job is on the machine."""
        return Address(self.sweep, self.job.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a machine says of itself before it measures.

    `identity` is that of run.json, `packages` versions by distribution, `findings` the warnings of convbench doctor.
    """

    identity: Mapping[str, str] = field(default_factory=dict)
    python: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What the machine is called."""
        return self.identity.get("name", "")

    @property
    def id(self) -> str:
        """The number of the machine, which stays."""
        return self.identity.get("id", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The run is made. `archive` is its folder as tar.gz; exit code 1 says that a backend is wrong or failed."""

    description: Description
    exit_code: int
    archive: bytes
    resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The machine cannot make this run, nor others like it: it is the machine that is at fault."""

    description: Description
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The command failed on this machine: perhaps the job is at fault, perhaps something is missing there.

    `log` is the end of what it printed.
    """

    description: Description
    reason: str
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The job was ended before it was done: whoever sent it wanted it so, or died."""

    reason: str


Report = Measured | Refused | Failed | Ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What has happened with a job since the sender looked last?

    `have` are the names of the files that the sender has, `header` the checksum of its run.json, `journal` how many
    bytes of the journal.
    """

    address: Address
    have: frozenset[str] = frozenset()
    header: int = 0
    journal: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """The answer: further bytes of the journal from `offset` on, other files, and what the machine waits for.

    `description` is what the machine says of itself, once it is about to measure.
    `anew` says that the run is another than the one that the sender has parts of: these are to be dropped.
    """

    machine_id: str
    waits: str = ""
    description: Description | None = None
    anew: bool = False
    offset: int = 0
    journal: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)


def protocol() -> str:
    """What tells the messages of this convbench from those of another: a hash of their fields, in order."""
    messages = (Address, Part, Order, Job, Description, Measured, Refused, Failed, Ended, Question, Glimpse)
    named = [f"{message.__name__}.{each.name}: {each.type}" for message in messages for each in fields(message)]
    return sha256("\n".join(named).encode()).hexdigest()[:16]
