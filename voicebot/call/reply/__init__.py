"""The reply: deciding or asking for it, giving it a voice, and knowing how much of it was heard."""
