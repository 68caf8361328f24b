"""Layers written from scratch, and the backend that gives them to convbench."""
