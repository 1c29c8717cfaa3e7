"""Scans and images in, searchable PDF/A and plain text out."""
