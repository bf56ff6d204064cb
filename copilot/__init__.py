"""A live call copilot: it hears both parties, whispers what the agent needs, and is silent otherwise."""

from importlib.metadata import version

__version__ = version("copilot")
