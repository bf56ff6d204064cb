"""``python3 -m copilot.engine.bench``: what a tick costs, on a machine with torch and little else.

Weights are random, of real size, and made on the device. Every figure stands beside the least
time that moving its bytes would take at the copy bandwidth measured in the same run.
"""
