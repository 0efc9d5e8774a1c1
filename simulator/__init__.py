"""A store that does not exist, with the truth about it: pictures, people and time."""
