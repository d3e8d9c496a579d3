"""Where replies come from: one protocol, one file an implementation."""
