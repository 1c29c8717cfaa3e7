"""What CI/CD does beside `gitops`: steps that run on a laptop as they run on GitHub's machines."""
