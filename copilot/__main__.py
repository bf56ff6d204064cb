"""``python -m copilot``."""

from copilot.cli import main

main()
