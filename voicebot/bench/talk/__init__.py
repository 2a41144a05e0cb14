"""Callers of our own that talk with a service over loopback, and measure how quickly it answers."""
