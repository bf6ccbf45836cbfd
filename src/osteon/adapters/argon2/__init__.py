"""Passwords under Argon2id, served by the `argon2-cffi` library."""
