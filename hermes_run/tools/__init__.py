"""What a session can do besides talk."""
