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


class FileError(UserError):
    """A file that cannot be used.

    Attributes:
        file: the file, or the folder.
        problem: what must be or what failed, the file being the subject: "must have three axes".

    >>> error = FileError("/data/P01_T1.nii", "must have three axes", got="shape (9, 9)", hint="export it again")
    >>> print(error)
    /data/P01_T1.nii must have three axes (got shape (9, 9)); export it again
    >>> print(error.reason)
    must have three axes (got shape (9, 9)); export it again
    >>> print(error.called("P01_T1"))
    P01_T1 must have three axes (got shape (9, 9)); export it again
    """

    def __init__(self, file: object, problem: str, *, got: object = "", hint: str = "") -> None:
        super().__init__(f"{file} {problem}", got=got, hint=hint)
        self.file, self.problem = file, problem

    def __reduce__(self) -> tuple[object, ...]:
        return _restored_file_error, (type(self), self.file, self.problem, self.got, self.hint)

    def at(self, place: object) -> UserError:
        """Return the same error, of a named case or flag."""
        return UserError(f"{place}: {self.what}", got=self.got, hint=self.hint)

    def called(self, name: object) -> "FileError":
        """Return the same error with another name of the file, as where its path must not be shown."""
        return type(self)(name, self.problem, got=self.got.replace(str(self.file), str(name)), hint=self.hint)

    @property
    def reason(self) -> str:
        """The error without the name of the file, for where that stands already."""
        return str(UserError(self.problem, got=self.got, hint=self.hint))


class PassingFileError(FileError):
    """A file that cannot be used now, for a reason that lies in the machine."""


def _restored_file_error(kind: type[FileError], file: object, problem: str, got: str, hint: str) -> FileError:
    return kind(file, problem, got=got, hint=hint)


def _restored(kind: type[UserError], what: str, got: str, hint: str) -> UserError:
    return kind(what, got=got, hint=hint)
