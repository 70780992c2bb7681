"""Settings by environment; these modules alone read environment variables."""
