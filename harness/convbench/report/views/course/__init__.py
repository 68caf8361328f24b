"""The story of a course in one section: from loops to a framework, and what im2col costs in memory."""
