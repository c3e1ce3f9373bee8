"""Passing troubles: of the machine, not of a case, so that the same command may succeed once they are over."""

import errno

from hifisyn.errors import PassingFileError

# Would meet every further case too: nothing can be written any more.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
# May be over at the next case: too many open files, memory, rights, a network disk that is away.
AWAY = (
    *(errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EACCES, errno.EPERM, errno.EIO, errno.EAGAIN),
    *(errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOTCONN),
)


def is_disk_full(error: BaseException) -> bool:
    """Return whether an error would meet all further cases too: there is no room to write.

    >>> is_disk_full(OSError(errno.ENOSPC, "No space left on device")), is_disk_full(ValueError("odd"))
    (True, False)
    """
    return isinstance(error, OSError) and error.errno in NO_ROOM


def passes(error: BaseException) -> bool:
    """Return whether an error is of the machine, so that the same work may succeed later.

    >>> passes(PermissionError(errno.EACCES, "Permission denied")), passes(MemoryError()), passes(ValueError("odd"))
    (True, True, False)
    """
    return isinstance(error, (MemoryError, PassingFileError)) or (
        isinstance(error, OSError) and error.errno in (*NO_ROOM, *AWAY)
    )
