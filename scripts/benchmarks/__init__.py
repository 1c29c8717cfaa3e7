"""What the runner costs, measured beside what a user would pick instead. `scripts/bench --help`."""
