"""The live page for store staff: what is open, where it is, and what the cameras cannot see."""
