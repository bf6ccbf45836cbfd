"""Products, profiles, wiring: the one room that knows all others."""
