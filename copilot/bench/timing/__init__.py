"""When a listen-mostly copilot speaks: scripted calls, what is expected of them, how it went."""
