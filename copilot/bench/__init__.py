"""Figures: what the machine does with the calls, as JSON and as tables."""
