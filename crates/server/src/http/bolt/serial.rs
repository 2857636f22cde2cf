//! A device's serial port: text for it is asked of one property, text from it is what another one says.
//!
//! The device keeps what came in over the wire, as a module does. Where it can be asked for it, each read asks: the request is the
//! ASCII code that ends the text, or nothing, and the next report is the answer. Where it only reports, its last report counts.

use housewire_core::Value;
use housewire_protocols::bolt::{Answer, Binding, Invalid};

use crate::caller::Caller;
use crate::http::bolt::Failure;
use crate::http::bolt::board::{Board, Bound};
use crate::http::bolt::run::{Wish, ask, last, listen, must_write, request, topic, turned_out};
use crate::http::wait::Wait;

pub(super) async fn begin(caller: &Caller, board: &Board, baud: u32) -> Result<Answer, Failure> {
    let done = Answer::Text("Success".to_owned());
    match board.part(&Binding::SerialBegin) {
        Some(speed) => {
            let wish = Wish::new(speed, baud.to_string().into_bytes(), Invalid::Baud.into())?;
            ask(caller, board, vec![wish]).await?;
        }
        // Where nothing is to be set the port has begun, if there is one.
        None => {
            writer(board).or_else(|_| reader(board))?;
        }
    }
    Ok(done)
}

pub(super) async fn write(caller: &Caller, board: &Board, data: String) -> Result<Answer, Failure> {
    let wish = Wish::new(writer(board)?, data.into_bytes(), Invalid::Data.into())?;
    ask(caller, board, vec![wish]).await?;
    Ok(Answer::Text("Serial write Successful".to_owned()))
}

pub(super) async fn read(caller: &Caller, board: &Board, till: Option<u8>) -> Result<Answer, Failure> {
    let reader = reader(board)?;
    caller.must_read(&board.id, &reader.property).map_err(|_| Failure::Denied)?;
    if reader.spec.access.set {
        return answered(caller, board, reader, till).await;
    }
    Ok(text_of(last(caller, board, reader).0, till))
}

pub(super) async fn write_and_read(
    caller: &Caller,
    board: &Board,
    data: String,
    till: Option<u8>,
) -> Result<Answer, Failure> {
    let reader = reader(board)?;
    if reader.spec.access.set {
        write(caller, board, data).await?;
        return answered(caller, board, reader, till).await;
    }
    let mut wait = listen(caller, &[topic(&board.id, &reader.property, "")])?;
    let before = last(caller, board, reader).1;
    write(caller, board, data).await?;
    while last(caller, board, reader).1 == before {
        if !next(&mut wait).await? {
            // It had nothing to say to that.
            return Ok(Answer::Text(String::new()));
        }
    }
    Ok(text_of(last(caller, board, reader).0, till))
}

/// Asks the device for what it has read.
async fn answered(caller: &Caller, board: &Board, reader: &Bound, till: Option<u8>) -> Result<Answer, Failure> {
    must_write(caller, &board.id, &reader.property)?;
    let mut wait = listen(caller, &[topic(&board.id, &reader.property, "")])?;
    let before = last(caller, board, reader).1;
    let code = till.map(|till| till.to_string()).unwrap_or_default();
    request(caller, &board.id, &reader.property, code.as_bytes()).await?;
    while last(caller, board, reader).1 == before {
        if !next(&mut wait).await? {
            return Err(Failure::TimedOut);
        }
    }
    Ok(text_of(last(caller, board, reader).0, till))
}

async fn next(wait: &mut Option<Wait>) -> Result<bool, Failure> {
    match wait {
        Some(wait) => wait.next().await.map_err(turned_out),
        None => Ok(false),
    }
}

/// What was read, up to the character that ends it.
fn text_of(value: Option<Value>, till: Option<u8>) -> Answer {
    let value = value.map(|value| String::from_utf8_lossy(&value.to_payload()).into_owned()).unwrap_or_default();
    let text = match till {
        Some(till) => value.split(char::from(till)).next().unwrap_or_default(),
        None => &value,
    };
    Answer::Text(text.to_owned())
}

/// A device without a port never answers.
fn writer(board: &Board) -> Result<&Bound, Failure> {
    board.part(&Binding::SerialWrite).ok_or(Failure::TimedOut)
}

fn reader(board: &Board) -> Result<&Bound, Failure> {
    board.part(&Binding::SerialRead).ok_or(Failure::TimedOut)
}
