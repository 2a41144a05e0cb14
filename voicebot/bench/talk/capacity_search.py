"""Looking for the most calls that still go well: doubling, then bisection. Pure."""

from dataclasses import dataclass


@dataclass(slots=True)
class CapacitySearch:
    """Ask `next_calls`, try, `tell`. Assumes that what goes well with many calls does with fewer."""

    most: int
    """No more are tried."""
    first: int = 4
    passed: int = 0
    """The most that went well."""
    failed: int | None = None
    """The fewest that did not."""

    @property
    def next_calls(self) -> int | None:
        """How many to try; none when the answer is known (within a tenth)."""
        if self.failed is None:
            return None if self.passed >= self.most else min(2 * self.passed or self.first, self.most)
        if self.failed - self.passed <= max(1, self.passed // 10):
            return None
        return (self.passed + self.failed) // 2

    def tell(self, calls: int, went_well: bool) -> None:
        """What came of a try."""
        if went_well:
            self.passed = max(self.passed, calls)
        else:
            self.failed = calls if self.failed is None else min(self.failed, calls)
