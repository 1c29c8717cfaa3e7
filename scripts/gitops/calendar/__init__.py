"""When runs happen: every schedule's instants, how long its runs last, and where they get into each other's way."""
