"""How a command says that it did not do what was asked."""


class CommandError(Exception):
    """The message says what is wrong and what to do; it goes to stderr."""

    exit_status = 1


class UsageError(CommandError):
    """What was asked for makes no sense, whatever state the library is in."""

    exit_status = 2
