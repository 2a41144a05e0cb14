"""Several trunks or bridges as one way out. Knows lines only by `telephony.line`, not which wire they use."""
