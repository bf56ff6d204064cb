"""A live call copilot: hears both parties, whispers what the agent needs, is silent otherwise."""

from importlib.metadata import version

__version__ = version("copilot")
