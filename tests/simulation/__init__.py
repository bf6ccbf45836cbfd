"""Deterministic simulation: the real engine, log and histories on a simulated machine that fails where a seed says so."""
