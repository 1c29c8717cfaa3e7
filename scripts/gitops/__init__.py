"""`uv run gitops`: what Git declares, what the server has, and the steps from one to the other."""
