"""The host of convbench: it finds backends, checks, measures and reports."""
