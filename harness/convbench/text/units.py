"""Numbers as people read them, the same in every report.

- Three significant digits; the unit is chosen after rounding, so 999.9 us reads 1.00 ms.
- Bytes and counts are decimal: 1 MB is 1,000,000 bytes.
- A missing number (NaN or None) is a dash.
- templates/units.js says the same in JavaScript; a test holds the two together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite, isinf, isnan

MISSING = "–"
Units = Sequence[tuple[float, str]]
"""(size in base units, name), ascending; a unit is used from its size on."""

SECONDS: Units = ((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))
BYTES: Units = ((1.0, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB"), (1e12, "TB"))
COUNTS: Units = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"), (1e15, "P"))
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def format_seconds(seconds: float | None) -> str:
    """A time in ns, us, ms or s.

    >>> [format_seconds(value) for value in (0, 4.2e-8, 0.00123456, 0.0009999, 75.04, float("nan"))]
    ['0 s', '42.0 ns', '1.23 ms', '1.00 ms', '75.0 s', '–']
    """
    return _in_units(seconds, SECONDS)


def format_bytes(size: float | None) -> str:
    """A size in B, kB, MB, GB or TB, decimal.

    >>> [format_bytes(value) for value in (0, 812, 25_690_112, 1.2e11)]
    ['0 B', '812 B', '25.7 MB', '120 GB']
    """
    return _in_units(size, BYTES, whole=True)


def parse_bytes(text: str) -> int:
    """A size as people write it, decimal (MB) or binary (MiB), in bytes; ValueError for what is none.

    >>> [parse_bytes(text) for text in ("2GB", "512 MB", "1.5GiB", "4096")]
    [2000000000, 512000000, 1610612736, 4096]
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?)b?|b)?\s*", text.lower())
    if match is None:
        raise ValueError(f"{text!r} must be a size such as 2GB, 512MB or 1.5GiB")
    number, prefix, binary = match.groups()
    power = " kmgt".index(prefix) if prefix else 0
    unit: int = (1024 if binary else 1000) ** power
    return round(float(number) * unit)


def format_count(count: float | None) -> str:
    """A count such as FLOPs or parameters with an SI prefix.

    >>> [format_count(value) for value in (0, 320, 18_496, 7.4e6, 1.85e9)]
    ['0', '320', '18.5 k', '7.40 M', '1.85 G']
    """
    return _in_units(count, COUNTS, whole=True)


def format_rate(per_second: float | None) -> str:
    """How many a second, with an SI prefix.

    >>> [format_rate(value) for value in (12.345, 81_300, 2.5e6)]
    ['12.3/s', '81.3 k/s', '2.50 M/s']
    """
    return MISSING if _is_missing(per_second) else f"{_in_units(per_second, COUNTS)}/s"


def format_integer(count: float | None) -> str:
    """A whole number in full, with thousands apart.

    >>> format_integer(10000)
    '10,000'
    """
    return MISSING if _is_missing(count) else f"{round(count or 0):,}"


def format_number(value: float | None) -> str:
    """Three significant digits; powers of ten where it would be long or vanish. Infinity is its sign.

    >>> [format_number(value) for value in (0, 0.0421, 3.14159, 98.76, 1234.5, 16_777_216.0, 2e-7)]
    ['0', '0.0421', '3.14', '98.8', '1,234', '1.68 × 10⁷', '2.00 × 10⁻⁷']
    """
    if value is None or isnan(value):
        return MISSING
    if isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e5:
        return f"{f'{value:.2e}'.partition('e')[0]} × {power_of_ten(value)}"
    return f"{value:#.3g}" if abs(value) < 1 else _three_digits(value)


def power_of_ten(value: float) -> str:
    """The power of ten of a number's first digit.

    >>> power_of_ten(1000), power_of_ten(2e-7)
    ('10³', '10⁻⁷')
    """
    exponent = int(f"{value:.2e}".partition("e")[2])
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def format_ratio(ratio: float | None) -> str:
    """How many times as long.

    >>> [format_ratio(value) for value in (1, 2.345, 47.11, 1234.5, 250_000)]
    ['1.00×', '2.35×', '47.1×', '1,234×', '2.50 × 10⁵×']
    """
    return MISSING if _is_missing(ratio) else f"{format_number(ratio)}×"


def format_share(share: float | None) -> str:
    """A share in percent, over 100 where it is more than the whole.

    >>> [format_share(value) for value in (0.0421, 0.637, 1.325, float("nan"))]
    ['4.21 %', '63.7 %', '132 %', '–']
    """
    return MISSING if _is_missing(share) else f"{format_number(100 * (share or 0.0))} %"


def format_seconds_range(low: float | None, high: float | None) -> str:
    """An interval of times, with one unit where one is enough.

    >>> format_seconds_range(0.00120, 0.00135), format_seconds_range(9e-7, 1.3e-3)
    ('1.20–1.35 ms', '900 ns–1.30 ms')
    """
    return _range(format_seconds(low), format_seconds(high))


def format_bytes_range(low: float | None, high: float | None) -> str:
    """An interval of sizes, with one unit where one is enough.

    >>> format_bytes_range(25.6e6, 25.7e6)
    '25.6–25.7 MB'
    """
    return _range(format_bytes(low), format_bytes(high))


def format_ratio_range(low: float | None, high: float | None) -> str:
    """An interval of ratios.

    >>> format_ratio_range(1.98, 2.04)
    '1.98–2.04×'
    >>> format_ratio_range(1.98e5, 2.04e5)
    '1.98–2.04 × 10⁵×'
    """
    return _range(format_ratio(low), format_ratio(high))


def format_duration(seconds: float | None) -> str:
    """How long a run took.

    >>> [format_duration(value) for value in (3.21, 101.6, 3725)]
    ['3.21 s', '1 min 42 s', '1 h 2 min']
    """
    if seconds is None or _is_missing(seconds) or seconds < 59.95:
        return format_seconds(seconds)
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _is_missing(value: float | None) -> bool:
    return value is None or not isfinite(value)


def _three_digits(value: float) -> str:
    """A value of at least 1, or one below it that keeps two decimals."""
    magnitude = abs(float(f"{value:.3g}"))
    decimals = 2 if magnitude < 10 else 1 if magnitude < 100 else 0
    return f"{value:,.{decimals}f}"


def _in_units(value: float | None, units: Units, *, whole: bool = False) -> str:
    """`whole` says that the smallest unit has no fractions."""
    if value is None or _is_missing(value):
        return MISSING
    if value == 0:
        return f"0 {next(name for size, name in units if size == 1)}".rstrip()
    rounded = abs(float(f"{value:.3g}"))
    size, name = next((unit for unit in reversed(units) if rounded >= unit[0]), units[0])
    digits = f"{value:,.0f}" if whole and size == 1 else _three_digits(value / size)
    return f"{digits} {name}".rstrip()


def _range(low: str, high: str) -> str:
    """Drop the unit of the lower end where the upper end has the same."""
    if MISSING in {low, high}:
        return MISSING
    unit = low.lstrip("0123456789.,")
    return f"{low.removesuffix(unit) if high.endswith(unit) else low}–{high}"
