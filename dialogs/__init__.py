"""What is said: script format and validation, dialogue policy, guard. Pure: no audio, no network."""
