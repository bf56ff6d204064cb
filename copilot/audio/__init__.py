"""Sound as numbers: decoding, reordering, framing and alignment; no async, no sockets, no clock."""
