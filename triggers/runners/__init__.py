"""How functions are run: one module for each kind of runner."""
