//! Passwords as commands get them: never on the command line, which others on the machine can see.

use std::io::{BufRead as _, IsTerminal as _, Read as _};

use housewire_protocols::limits::PASSWORD_BYTES_MAX;

use super::failure::Failure;

/// As [`read`], for what takes text only.
pub(super) fn read_text() -> Result<String, Failure> {
    String::from_utf8(read()?).map_err(|_| Failure::Usage {
        what: "cannot use the password".to_owned(),
        why: "it is no text (UTF-8)".to_owned(),
        next: "Use another one.",
    })
}

/// The first line of standard input; a person is asked twice and sees nothing of it.
pub(super) fn read() -> Result<Vec<u8>, Failure> {
    let unreadable = |error| Failure::File { what: "cannot read the password".to_owned(), error };
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let mut line = Vec::new();
        // With the line's end, or one byte more than may be, to tell what is too long from what just fits.
        let len_max = PASSWORD_BYTES_MAX as u64 + 2;
        stdin.lock().take(len_max).read_until(b'\n', &mut line).map_err(unreadable)?;
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        return Ok(line.to_owned());
    }
    let password = rpassword::prompt_password("Password: ").map_err(unreadable)?;
    let again = rpassword::prompt_password("The same again: ").map_err(unreadable)?;
    if password != again {
        let why = "the two were not the same".to_owned();
        return Err(Failure::Usage { what: "cannot use the password".to_owned(), why, next: "Try again." });
    }
    Ok(password.into_bytes())
}
