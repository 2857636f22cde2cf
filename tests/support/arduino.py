"""Sketches of the Arduino IDE: compiled with g++ as programs of this computer, and the Uno's with avr-gcc and its real core."""

import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent.parent / "arduino"
AVR = pathlib.Path("/usr/share/arduino/hardware/arduino/avr")
# As the IDE does it: the sketch is C++ with Arduino.h in front. Callbacks have to take what they need not.
SKETCH = ["-x", "c++", "-include", "Arduino.h", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stderr[-6000:]}"
    return done.stdout


def build(path, file, folder):
    """The sketch as a program; `file` is filled in, `path` says for which board it is."""
    program = pathlib.Path(folder) / "sketch"
    places = ["-I", HERE / "host", "-I", HERE / "libraries"]
    run(["g++", "-std=c++17", "-O1", *places, *SKETCH, file, HERE / "host" / "core.cpp", "-o", program])
    return program


class Uno:
    """The Uno's compiler with its own core, which is compiled once."""

    FLAGS = ["-mmcu=atmega328p", "-DF_CPU=16000000L", "-DARDUINO=10819", "-DARDUINO_AVR_UNO", "-DARDUINO_ARCH_AVR"]
    FLAGS += ["-Os", "-ffunction-sections", "-fdata-sections"]
    CPP = ["avr-g++", "-std=gnu++11", "-fno-exceptions", "-fno-threadsafe-statics"]
    # Debian's compiler is of a version that tells this to C alone, and the core asks for it in C++.
    CPP += ["-DDECIMAL_DIG=__DECIMAL_DIG__"]

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        core = AVR / "cores" / "arduino"
        assert core.is_dir(), "the Uno's core is missing: run scripts/setup test"
        places = [core, AVR / "variants" / "standard", AVR / "libraries" / "SPI" / "src", HERE / "avr", HERE / "libraries"]
        self.places = [part for place in places for part in ("-I", place)]
        sources = [*core.glob("*.c"), *core.glob("*.cpp"), HERE / "avr" / "Ethernet.cpp"]
        self.objects = [self._compile(source) for source in sorted(sources)]

    def _compile(self, source, *more):
        made = self.folder / f"{source.name}.o"
        compiler = ["avr-gcc"] if source.suffix == ".c" else self.CPP
        run([*compiler, *self.FLAGS, *self.places, *more, "-c", source, "-o", made])
        return made

    def sizes(self, sketch):
        """Links a filled-in sketch; bytes of program and of memory, of 32,256 and 2,048 that there are."""
        # The core's own headers have warnings.
        made = self._compile(sketch, *SKETCH, "-Wno-error")
        program = self.folder / f"{sketch.name}.elf"
        run(["avr-gcc", "-mmcu=atmega328p", "-Os", "-Wl,--gc-sections", made, *self.objects, "-lm", "-o", program])
        text, data, bss = (int(number) for number in run(["avr-size", program]).splitlines()[1].split()[:3])
        return text + data, data + bss
