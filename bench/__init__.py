"""One file a question: each measures one thing and prints one JSON line."""
