"""What this computer is and how busy it is. Nothing here knows about runs."""
