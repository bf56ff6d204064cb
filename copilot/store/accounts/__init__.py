"""Who may use the copilot: teams, people, what they sign in with, and what they did."""
