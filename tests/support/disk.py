"""A disk that fills up, without being root: the hub's process may write no file beyond a size, so its writes fail.

The kernel refuses them with EFBIG, where a full disk says ENOSPC; SQLite fails with either in the same places.
"""

import resource

# Python ignores SIGXFSZ, and the hub shall inherit that: the signal would end it where a full disk does not.
PROCESS = {"restore_signals": False}


def limit(hub, file_bytes_max):
    _set(hub, file_bytes_max)


def make_room(hub):
    _set(hub, resource.RLIM_INFINITY)


def _set(hub, file_bytes_max):
    _, hard = resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (file_bytes_max, hard))
