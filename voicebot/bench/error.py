"""Why a benchmark cannot run."""


class BenchError(Exception):
    """Something is missing or did not start. The message names it and the mend."""
