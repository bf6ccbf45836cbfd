"""Keys in files, served by the `cryptography` library."""
