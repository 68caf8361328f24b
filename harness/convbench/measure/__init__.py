"""What a worker measures of a call: time and memory."""
