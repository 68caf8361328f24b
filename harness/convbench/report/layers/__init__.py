"""A workload as a layer table: shapes, parameters, FLOPs, memory and receptive fields."""
