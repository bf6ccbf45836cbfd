"""User-Agent headers, read by the rules of the `ua-parser` library."""
