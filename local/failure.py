"""The one error of the local stack."""


class StackError(Exception):
    """The stack cannot start or go on; the message is one clear sentence for the person at the terminal."""
