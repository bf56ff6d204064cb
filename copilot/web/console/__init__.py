"""Pages and API of the console: policy, live wall, review, analytics, settings."""
