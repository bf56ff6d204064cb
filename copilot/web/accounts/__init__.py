"""Pages about signing in, one's own account, the team's people and its audit log."""
