"""What every HTML page is made with: its templates, and how it is written."""
