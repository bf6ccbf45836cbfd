"""Adapters: a folder for each technology, each serving ports and importing nothing above them."""
