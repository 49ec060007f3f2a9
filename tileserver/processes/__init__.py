"""The processes of a server, and what they say to each other."""
