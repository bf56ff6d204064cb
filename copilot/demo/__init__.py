"""The sample call: a scripted call made into sound, placed over WebRTC, watched and judged."""
