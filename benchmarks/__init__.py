"""Measures Osteon beside its peers on one machine and prints the ratios: `python -m benchmarks`.

A *peer* is a server under test, ours among them. A *cell* is one measurement of one peer. A *figure* is a line of the
table, read from one or two cells. `docs/performance.md` says what is measured, and how.
"""
