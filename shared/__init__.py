"""Nouns that two or more workflows use.

Admission rule: two users and a noun, or it stays in the one flow that needs it. Nothing here knows flows/ or scripts/.
"""
