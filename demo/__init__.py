"""The product that walks: the platform with one module of its own, its people and their scopes."""
