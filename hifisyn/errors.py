"""The one exception that users are meant to see."""


class UserError(Exception):
    """A mistake that the user can mend: printed as one line, exit code 2.

    The message says what was wanted, what came and what to do, in that order.
    """
