"""What the console keeps beside the calls: policies, settings, flags, and the digests of calls."""
