"""What each command of the command line is called, asks for and says of itself; only click is imported here."""
