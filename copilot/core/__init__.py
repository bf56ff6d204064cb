"""The pure call machine: inputs in, effects out; no clock, no network, no randomness."""
