"""The agent that runs in the store: from camera frames to events on a broker."""
