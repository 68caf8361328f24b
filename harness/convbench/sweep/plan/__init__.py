"""What a sweep is to measure: the plan, as its user writes it, and the jobs that it stands for."""
