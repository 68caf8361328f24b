"""Implicit GEMM over the flat layout, in which each tap lies at one distance from its output: for every shape."""
