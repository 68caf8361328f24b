"""A static site over many runs and machines: a page for each machine and case, a search, and the merged tables."""

from convbench.report.site.publish import Published, publish

__all__ = ["Published", "publish"]
