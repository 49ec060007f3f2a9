"""Serving over HTTP: sockets, the application, and the tiles themselves."""
