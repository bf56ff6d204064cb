"""What a user of the engine can put right."""


class EngineError(Exception):
    """Names the thing, its value and the remedy; it is shown as it stands."""
