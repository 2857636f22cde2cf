"""`support.bolt.Board` as a process of its own, for machines that are network namespaces: `python -m support.board_program HOST PORT DEVICE TOKEN`."""

import sys

from .bolt import Board

host, port, device, token = sys.argv[1:]
with Board(host, int(port), device, token, reads=["21.5"]) as board:
    for number in range(5):
        board.report(f"pin{number}", "0")
    board.report("a0", "512")
    print("ready", flush=True)
    sys.stdin.read()
