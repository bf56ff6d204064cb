"""The scenes of the timing bench as real calls: spoken, and placed over WebRTC."""
