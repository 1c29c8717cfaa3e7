"""`python -m scripts.gitops` is `gitops`."""

from scripts.gitops.cli import main

main()
