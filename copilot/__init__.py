"""A live call copilot: hears both parties, whispers what the agent needs, is silent otherwise."""

__version__ = "0.1.0"
