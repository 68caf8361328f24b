"""What happens on a machine that measures. Nothing here knows an engine, so that it runs in the processes of any."""
