"""What a worker itself holds against the results of its backend."""
