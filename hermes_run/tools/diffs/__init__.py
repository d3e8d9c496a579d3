"""Patches as models write them: parsed, placed in a text, applied, and shown. Pure."""
