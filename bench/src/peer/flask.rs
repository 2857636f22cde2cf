//! Flask behind gunicorn: `bench/peers/flask_app.py`.

use std::process::Command;

use super::programs::{Programs, SETUP, output};
use super::{Door, Ports, port_of};

pub(super) fn version(programs: &Programs) -> Result<String, String> {
    const ASK: &str = "import platform; from importlib.metadata import version; \
        print(version('flask'), '(gunicorn ' + version('gunicorn') + ', Python ' + platform.python_version() + ')')";
    output(&programs.python, &["-c", ASK]).map_err(|why| format!("{why}; {SETUP}"))
}

/// One worker with threads: gunicorn's default worker closes the connection behind each answer, and the values are in a
/// dictionary, which two workers would not share. Eight threads, as the scenarios hold more than one connection; more gain
/// nothing, since Python runs one at a time.
pub(super) fn command(programs: &Programs, ports: &Ports) -> Command {
    let mut command = Command::new(&programs.python);
    command.args(["-m", "gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "8"]);
    // As long as a scenario lasts; by default it closes a connection that is silent for 2 s.
    command.args(["--keep-alive", "75", "--log-level", "error", "--bind"]);
    command.arg(format!("127.0.0.1:{}", port_of(ports, Door::Http)));
    command.arg("--chdir").arg(&programs.scripts).arg("flask_app:app");
    command
}
