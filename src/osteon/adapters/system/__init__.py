"""Ports served by the operating system and the standard library."""
