"""What team leads, supervisors and admins do with the copilot; no web in it."""
