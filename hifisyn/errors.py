"""The one exception that users are meant to see: what must be, what came instead, what to do."""


class UserError(Exception):
    """A mistake that the user can mend: printed as one line, exit code 2.

    Attributes:
        what: what must be, or what failed; a clause without a full stop.
        got: what came instead; empty where `what` says it.
        hint: what to do, verb first; empty where it is plain.

    >>> print(UserError("-np must be at least 1", got=0, hint="leave it out for one process a core"))
    -np must be at least 1 (got 0); leave it out for one process a core
    >>> print(UserError("good_T2 already exists", hint="pass --overwrite or --continue"))
    good_T2 already exists; pass --overwrite or --continue
    """

    def __init__(self, what: str, *, got: object = "", hint: str = "") -> None:
        self.what, self.got, self.hint = what, str(got), hint
        super().__init__(what, self.got, hint)

    def __str__(self) -> str:
        """Return the one line that users read."""
        return self.what + (f" (got {self.got})" if self.got else "") + (f"; {self.hint}" if self.hint else "")

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (type(self), self.what, self.got, self.hint)

    def at(self, place: object) -> "UserError":
        """Return the same error, of a named file, case or flag.

        >>> print(UserError("must be NIfTI", got="a folder").at("scan.nii.gz"))
        scan.nii.gz: must be NIfTI (got a folder)
        """
        return type(self)(f"{place}: {self.what}", got=self.got, hint=self.hint)


def _restored(kind: type[UserError], what: str, got: str, hint: str) -> UserError:
    return kind(what, got=got, hint=hint)
