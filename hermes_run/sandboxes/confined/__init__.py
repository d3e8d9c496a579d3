"""What starts a session's supervisor behind Landlock; the standard library is all it needs."""
