"""Ports: the capabilities that the engine and the modules need, as Protocols. Adapters provide them; nobody else names a technology."""
