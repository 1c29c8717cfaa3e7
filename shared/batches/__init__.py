"""One run over one source: intake, plan, work, report."""
