"""Memory: free, swapped or taken back by a host, the size of its pages, and whether its peak can be measured."""

from __future__ import annotations

from convbench.doctor.facts import BALLOONS, Facts
from convbench.doctor.finding import Finding
from convbench.text.units import format_seconds

LEAST_FREE_BYTES = 2 * 2**30
"""With less, the larger layers of the shipped workloads do not fit at batch size 64."""
SWAPPED_SHARE = 0.02
"""Share of all memory. A smaller part may lie in swap and never be used again."""
PAGE_BYTES = 4096
SWAPPING_MOVES = "all times while pages come back, without a bound: they are as slow as the disk"
CITED_FAULTS = "a layer was seen to take 24 times as long (docs/measurement.md, page faults)"
REPORTING = 5
"""The feature bit of a balloon device that lets the host take back free pages (virtio 1.2, section 5.5.3)."""


def free(facts: Facts) -> Finding:
    """Whether enough memory is free in the machine and in the container."""
    topic, memory, container = "free memory", facts.memory, facts.container
    if memory is None:
        return Finding(topic, "unknown", "This system does not show how much memory is free.")
    left = memory.available_bytes
    text = f"{_gib(left)} of {_gib(memory.total_bytes)} are free"
    if container.memory_bytes is not None and container.memory_left_bytes is not None:
        left = min(left, container.memory_left_bytes)
        text += f"; of the container's {_gib(container.memory_bytes)}, {_gib(container.memory_left_bytes)}"
    if left >= LEAST_FREE_BYTES:
        return Finding(topic, "ok", f"{text}.")
    affects = "no time: what does not fit is skipped, with its reason"
    remedy = "end programs that use much memory, or use smaller --batch-sizes"
    return Finding(topic, "warning", f"{text}: large cases may not fit.", remedy, affects)


def swap(facts: Facts) -> Finding:
    """Whether memory lies in swap or is being moved there now."""
    memory = facts.memory
    if memory is None:
        return Finding("swap", "unknown", "This system does not show its swap.")
    if not memory.swap_total_bytes:
        return Finding("swap", "ok", "There is no swap.")
    if memory.swapped_bytes:
        return Finding("swap", "warning", "Memory is being swapped now.", _unswapped(facts), SWAPPING_MOVES)
    if memory.swap_used_bytes > SWAPPED_SHARE * memory.total_bytes:
        text = f"{_gib(memory.swap_used_bytes)} are in swap and must be read back when they are used."
        return Finding("swap", "warning", text, _unswapped(facts), SWAPPING_MOVES)
    return Finding("swap", "ok", "Nothing is being swapped.")


def huge_pages(facts: Facts) -> Finding:
    """Whether large arrays can have large pages, which cause fewer page faults."""
    topic, path = "huge pages", "/sys/kernel/mm/transparent_hugepage/enabled"
    text = facts.of(path)
    if text is None or "[" not in text:
        return Finding(topic, "unknown", "This system does not show whether it has transparent huge pages.")
    mode = text.partition("[")[2].partition("]")[0]
    if mode == "never":
        found = "Transparent huge pages are off, so large arrays cause many more page faults."
        remedy = "use --allocator tuned, which keeps pages that were touched"
        remedy = remedy if facts.in_container else f"echo madvise | sudo tee {path}; or {remedy}"
        return Finding(topic, "warning", found, remedy, f"times of passes with large results: {_of_a_page(facts)}")
    what = "for all memory" if mode == "always" else "on request, and NumPy requests them for large arrays"
    return Finding(topic, "ok", f"Transparent huge pages are used {what}.")


def freed_pages(facts: Facts) -> Finding:
    """Whether the host of a virtual machine takes back freed memory, so that using it again costs a page fault."""
    topic = "freed memory"
    balloons = [text for path, text in facts.files.items() if path.startswith(BALLOONS)]
    if not any(text[REPORTING : REPORTING + 1] == "1" for text in balloons):
        return Finding(topic, "ok", "No balloon device gives freed memory back to a host.")
    text = "This virtual machine's host takes back freed memory"
    if facts.allocator == "tuned":
        return Finding(topic, "ok", f"{text}, but the workers keep theirs.")
    worst = f"{text}: page faults of newly allocated results take several times longer, and their time varies."
    affects = f"times of passes with large results: {_of_a_page(facts)}; {CITED_FAULTS}"
    remedy = "compare with --allocator tuned, which measures the kernels without these page faults"
    return Finding(topic, "warning", worst, remedy, affects)


def peak_counter(facts: Facts) -> Finding:
    """Whether a process may reset and read the peak of its resident memory."""
    topic = "memory counter"
    if facts.can_reset_peak:
        return Finding(topic, "ok", "The peak of a process's memory can be reset and read.")
    text = "/proc/self/clear_refs cannot be written, so peak memory is not measured for most backends."
    remedy = "use --no-memory" + ("" if facts.in_container else ", or a kernel with CONFIG_PROC_PAGE_MONITOR")
    return Finding(topic, "warning", text, remedy, "no time: peak_memory_bytes and kept_memory_bytes are missing")


def _unswapped(facts: Facts) -> str:
    remedy = "end programs that use much memory, or use smaller --batch-sizes"
    return remedy if facts.in_container else f"{remedy}; or run sudo swapoff -a while you measure"


def _of_a_page(facts: Facts) -> str:
    """What a page costs that a call touches first, as it was measured here."""
    if facts.page_fault_s is None:
        return "by a page fault for each 4 KiB that is allocated anew (column minor_faults)"
    of_a_megabyte = facts.page_fault_s * 1e6 / PAGE_BYTES
    return f"{format_seconds(of_a_megabyte)} for each MB that is allocated anew (column minor_faults)"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
