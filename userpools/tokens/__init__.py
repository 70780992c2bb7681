"""Tokens: claims, the one mint, signing keys, refresh tokens, and checking what comes back."""
