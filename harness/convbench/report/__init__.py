"""What a run looks like to people: numbers as text, summaries as frames, the HTML page.

Nothing is re-exported here: units costs nothing to import, html brings pandas and jinja2, and who needs only the first
should not pay for the second.
"""
