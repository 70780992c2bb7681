"""Vendors of temporary credentials."""
