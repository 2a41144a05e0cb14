"""How calls are placed and how their audio moves. Imports nothing of the other rooms."""
