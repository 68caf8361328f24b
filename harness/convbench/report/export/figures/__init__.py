"""Figures of a run for papers and notebooks, as Vega-Lite that one converter without network turns into files."""
