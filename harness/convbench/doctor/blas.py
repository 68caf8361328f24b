"""Whether OpenBLAS chose kernels that use all vector units of the processor.

OpenBLAS chooses its kernels by processor when it is loaded, or takes those that OPENBLAS_CORETYPE names. If it does not
know the processor, it takes generic kernels, which are several times slower. The levels follow its TargetList.txt.
"""

from __future__ import annotations

from convbench.doctor.facts import Facts
from convbench.doctor.finding import Finding

LEVELS = ("SSE", "AVX", "AVX2", "AVX-512")
"""The vector units of x86 that a kernel uses at most, from the oldest to the newest."""
X86 = {
    **dict.fromkeys(("SANDYBRIDGE", "BULLDOZER", "PILEDRIVER", "STEAMROLLER"), "AVX"),
    **dict.fromkeys(("HASWELL", "EXCAVATOR", "ZEN"), "AVX2"),
    **dict.fromkeys(("SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS"), "AVX-512"),
}
"""Names of OpenBLAS for x86 kernels. All others are older and use SSE."""
BEST_OF = {"AVX": "Sandybridge", "AVX2": "Haswell", "AVX-512": "SkylakeX"}
"""The kernels that every processor of a level can run."""
SVE = {"ARMV8SVE", "NEOVERSEV1", "NEOVERSEN2", "A64FX", "NEOVERSEV2"}
"""Names of OpenBLAS for Arm kernels that use SVE."""
AVX512_FLAGS = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
"""What a processor must have before OpenBLAS takes SkylakeX."""
AT_ONCE = {"SSE": 4, "AVX": 8, "AVX2": 16, "AVX-512": 32, "NEON": 8, "SVE": 32}
"""Operations on float32 of one instruction: the width, times two where it multiplies and adds; the widest SVE."""


def kernels(facts: Facts) -> Finding:
    """Whether OpenBLAS uses older kernels than the processor can run."""
    topic = "BLAS kernels"
    chosen = [blas.architecture for blas in facts.blas if blas.name == "openblas" and blas.architecture]
    if not chosen:
        return Finding(topic, "unknown", "NumPy uses no OpenBLAS that says whose kernels it chose.")
    machine = vector_level(facts)
    if not machine:
        return Finding(
            topic, "unknown", f"OpenBLAS chose kernels for {chosen[0]}; what this processor has is not told."
        )
    older = next((name for name in chosen if _is_older(kernel_level(name, machine), machine)), None)
    if older is None:
        return Finding(topic, "ok", f"OpenBLAS chose kernels for {', '.join(dict.fromkeys(chosen))}: {machine}.")
    text = f"OpenBLAS uses {older} kernels ({kernel_level(older, machine)}) on a processor with {machine}"
    forced = facts.environment.get("OPENBLAS_CORETYPE")
    if forced:
        better = BEST_OF.get(machine, "")
        remedy = "unset OPENBLAS_CORETYPE" + (f", or set it to {better}" if better else "")
        text = f"{text}, as OPENBLAS_CORETYPE={forced} says: NumPy is slower."
        return Finding(topic, "warning", text, remedy, _moved_by(older, machine))
    better = BEST_OF.get(machine, "ARMV8SVE")
    remedy = f"export OPENBLAS_CORETYPE={better}, or a newer NumPy"
    return Finding(topic, "warning", f"{text}: NumPy is slower.", remedy, _moved_by(older, machine))


def vector_level(facts: Facts) -> str:
    """The widest vector units of the processor that OpenBLAS has kernels for; empty if the system does not say."""
    flags = set(facts.cpuinfo("flags", "Features").split())
    if "asimd" in flags:
        return "SVE" if "sve" in flags else "NEON"
    if not flags:
        return ""
    if flags >= AVX512_FLAGS:
        return "AVX-512"
    if {"avx2", "fma"} <= flags:
        return "AVX2"
    return "AVX" if "avx" in flags else "SSE"


def kernel_level(architecture: str, machine: str) -> str:
    """The vector units that the kernels of an OpenBLAS architecture use, on a machine of the given level."""
    name = architecture.upper()
    if machine in {"NEON", "SVE"}:
        return "SVE" if name in SVE else "NEON"
    return X86.get(name, "SSE")


def _moved_by(architecture: str, machine: str) -> str:
    most = AT_ONCE[machine] / AT_ONCE[kernel_level(architecture, machine)]
    return f"times of backends whose products are NumPy's: at most {most:g} times as long"


def _is_older(kernel: str, machine: str) -> bool:
    order = LEVELS if machine in LEVELS else ("NEON", "SVE")
    return order.index(kernel) < order.index(machine)
