"""Challenges: each checks its own answer and knows nothing of the others."""
