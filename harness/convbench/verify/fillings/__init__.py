"""How tensors are filled, beside plain random numbers."""
