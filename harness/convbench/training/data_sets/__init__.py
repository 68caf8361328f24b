"""Images with labels to train on: scikit-learn's digits, or what lies on the disk. Nothing is ever downloaded."""

from convbench.training.data_sets.data_set import DataSet
from convbench.training.data_sets.loading import data_set_for, read_data_set

__all__ = ["DataSet", "data_set_for", "read_data_set"]
