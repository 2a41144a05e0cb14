"""Turn-taking: when the callee's turn begins and ends, and what may interrupt the bot."""
