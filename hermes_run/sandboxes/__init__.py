"""Where tools run: one protocol, one file an implementation."""
