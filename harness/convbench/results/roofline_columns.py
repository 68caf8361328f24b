"""The columns that say how near a cell comes to the limit of the machine; the formulas are in roofline.py."""

from __future__ import annotations

import numpy as np
import pandas as pd

from convbench.results.roofline import Limits, attainable_gflops_per_s, roofline_share

EFFECTIVE = "effective"


def add_roofline(measurements: pd.DataFrame, limits: Limits | None) -> pd.DataFrame:
    """The measurements with six columns on the roofline; without limits, those that need one are NaN or empty."""
    flops, moved, seconds = (measurements[name].astype(float) for name in ("flops", "compulsory_bytes", "median_s"))
    intensity = (flops / moved).where(moved > 0)
    peak = measurements["dtype"].map(limits.gflops_per_s).astype(float) if limits else np.nan
    bandwidth = limits.gbytes_per_s if limits else np.nan
    share = pd.Series(roofline_share(flops, moved, seconds, peak, bandwidth), index=measurements.index)
    attainable = pd.Series(attainable_gflops_per_s(intensity, peak, bandwidth), index=measurements.index)
    by_compute = attainable.notna() & (intensity * bandwidth >= peak)
    return measurements.assign(
        valid_gflops_per_s=measurements["valid_flops"].astype(float) / seconds / 1e9,
        intensity_flops_per_byte=intensity,
        attainable_gflops_per_s=attainable,
        roofline_share=share,
        bound_by=np.select([by_compute, attainable.notna()], ["compute", "bandwidth"], ""),
        roofline_label=np.where(share > 1, EFFECTIVE, ""),
    )
