"""What a worker tells of itself without being asked."""

from enum import IntEnum


class Gauge(IntEnum):
    """Places on the board, 64-bit whole numbers."""

    BEAT = 0
    """When it was last seen to go on, nanoseconds of the machine's monotonic clock."""
    TURNS = 1
    P50_US = 2
    """Of what a tick took, microseconds."""
    P99_US = 3
    SHED = 4
    """A level of `shedding.Shed`."""
