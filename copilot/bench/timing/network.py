"""What becomes of packets on their way."""

from msgspec import Struct


class Network(Struct, frozen=True):
    """What becomes of packets, both ways."""

    loss: int = 0
    """Percent."""
    jitter: int = 0
    """Milliseconds: each packet is late by up to that."""

    @property
    def name(self) -> str:
        return f"{self.loss} % loss, {self.jitter} ms jitter"


NETWORKS = (Network(), Network(1), Network(5), Network(5, 30))
