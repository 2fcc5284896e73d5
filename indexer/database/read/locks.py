"""Whether a disk has the locks that SQLite takes; on a network disk without them, SQLite must do without."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
_ASK = struct.pack("@hhqqi", fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
"""Linux's `struct flock`: would a read lock of the whole file be granted? Asking takes none."""


def has_locks(path: str | os.PathLike[str]) -> bool:
    """Whether the disk of a file has locks; true if that can't be found out."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.fcntl(descriptor, fcntl.F_GETLK, _ASK)
    except OSError as error:
        return error.errno not in _NO_LOCKS
    finally:
        os.close(descriptor)
    return True
