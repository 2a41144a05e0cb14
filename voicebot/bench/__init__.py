"""Benchmarks: what one call costs, ours and that of others doing the same work in the same run."""
