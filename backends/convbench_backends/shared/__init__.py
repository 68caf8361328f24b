"""What several backends need that is no framework's own: each module says what."""
