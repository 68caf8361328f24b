"""What people see of a run: a summary on the terminal, CSV files and an HTML page; and workloads as layer tables.

Nothing is re-exported here, because html imports pandas and jinja2, which take long, and a layer table needs neither.
"""
