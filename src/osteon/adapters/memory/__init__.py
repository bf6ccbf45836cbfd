"""Every port in memory: for tests, for trying out, and the shortest example of an adapter."""
