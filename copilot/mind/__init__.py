"""The background: composes, answers, remembers, sums up; slow, fallible, never in the way."""
