"""What a worker tells of itself without being asked."""

from enum import IntEnum


class Gauge(IntEnum):
    """Places on the board, 64-bit whole numbers."""

    BEAT = 0
    """When it was last seen to go on, nanoseconds of the machine's monotonic clock."""
    TURNS = 1
    P50_US = 2
    """Of what a tick took, microseconds."""
    P90_US = 3
    P99_US = 4
    SHED = 5
    """A level of `shedding.Shed`."""
