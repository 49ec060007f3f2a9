"""Errors that the training commands report as one sentence."""


class TrainingError(Exception):
    """A user's mistake or unusable data; the message says what was given and what is expected."""
