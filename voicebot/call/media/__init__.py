"""Media: the 20 ms tick of all calls, one call's seat on it, levels and recordings."""
