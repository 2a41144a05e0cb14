"""Listening: what was said, by whom, from the audio of one call."""
