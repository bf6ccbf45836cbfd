"""The product that walks: what `osteon new` gives you, with one module of its own."""
