"""How jobs reach machines: on this computer, or by dask. Only dask_engine.py and clusters.py know dask."""
