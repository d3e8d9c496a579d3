"""Run many agent sessions at once against any OpenAI-compatible endpoint, and record everything."""
