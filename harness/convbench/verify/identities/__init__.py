"""What right results fulfil by themselves, without knowing the right values."""
