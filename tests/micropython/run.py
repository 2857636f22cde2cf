"""Runs a MicroPython program under CPython: `run.py FOLDER_OF_LIBRARIES PROGRAM`.

The libraries are micropython-lib's own, unmodified (scripts/test-clients fetches them). What they and the programs expect
of the board is beside this file, as far as they use it; what MicroPython's language has and CPython's has not is mended here.
"""

import ast
import importlib.abc
import importlib.util
import pathlib
import runpy
import sys
import time


def format_bytes(pattern, values):
    """`b"%s" % "text"`, which CPython refuses."""
    values = values if isinstance(values, tuple) else (values,)
    return pattern % tuple(value.encode() if isinstance(value, str) else value for value in values)


class _Formats(ast.NodeTransformer):
    def visit_BinOp(self, node):
        self.generic_visit(node)
        left = node.left
        if isinstance(node.op, ast.Mod) and isinstance(left, ast.Constant) and isinstance(left.value, bytes):
            called = ast.Name("__format_bytes__", ast.Load())
            return ast.copy_location(ast.Call(called, [left, node.right], []), node)
        return node


class Libraries(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds modules in the folder of libraries before anywhere else."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def find_spec(self, name, path=None, target=None):
        place = self.folder.joinpath(*name.split("."))
        if place.is_dir() and not (place / "__init__.py").exists():
            spec = importlib.util.spec_from_loader(name, None, is_package=True)
            spec.submodule_search_locations = [str(place)]
            return spec
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if file.is_file():
                spec = importlib.util.spec_from_file_location(name, file, loader=self)
                return spec
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        file = module.__spec__.origin
        tree = ast.fix_missing_locations(_Formats().visit(ast.parse(pathlib.Path(file).read_text(), file)))
        module.__format_bytes__ = format_bytes
        exec(compile(tree, file, "exec"), module.__dict__)


def main():
    folder, program = sys.argv[1:]
    time.ticks_ms = lambda: time.monotonic_ns() // 1_000_000
    time.ticks_add = lambda ticks, more: ticks + more
    time.ticks_diff = lambda later, earlier: later - earlier
    time.sleep_ms = lambda milliseconds: time.sleep(milliseconds / 1000)
    # Beside this file first: its `network` and `machine` are the board's.
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    sys.meta_path.insert(0, Libraries(folder))
    sys.stdout.reconfigure(line_buffering=True)
    runpy.run_path(program, run_name="__main__")


main()
