"""Tokens as JSON Web Tokens, served by the `joserfc` library."""
