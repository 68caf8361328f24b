"""What is asked of a run: settings, and from them cases, batch sizes, backends and passes."""
