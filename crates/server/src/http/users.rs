//! People with accounts, for administrators.

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::accounts::{NewPerson, PersonChange};
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::path::NamePath;
use crate::http::problem::Problem;
use crate::http::rights::{Named, named, parse_filters, parse_grant, parse_named, parse_role};
use crate::view::account::UserJson;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    name: String,
    password: String,
    role: String,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserChange {
    role: Option<String>,
    #[serde(default, deserialize_with = "named")]
    read: Named<Vec<String>>,
    #[serde(default, deserialize_with = "named")]
    write: Named<Vec<String>>,
    deny: Option<Vec<String>>,
    password: Option<String>,
}

/// `GET /api/users`
pub(crate) async fn list(caller: Caller) -> Result<Json<Vec<UserJson>>, Problem> {
    caller.must_administer()?;
    Ok(Json(caller.shard.accounts.people().into_iter().map(UserJson::from).collect()))
}

/// `GET /api/users/{name}`
pub(crate) async fn get(caller: Caller, NamePath(name): NamePath) -> Result<Json<UserJson>, Problem> {
    caller.must_administer()?;
    Ok(Json(caller.shard.accounts.person(&name)?.into()))
}

/// `POST /api/users`
pub(crate) async fn create(caller: Caller, upload: Upload) -> Result<(StatusCode, Json<UserJson>), Problem> {
    caller.must_administer()?;
    let NewUser { name, password, role, read, write, deny } = upload.json("a name, a password and a role")?;
    let new = NewPerson { name, password, grant: parse_grant(&role, read, write, deny)? };
    let by = caller.change();
    let created = caller.accounts(move |accounts| accounts.create_person(new, &by)).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// `PATCH /api/users/{name}`: only what is named changes, at once and on every connection.
pub(crate) async fn change(
    caller: Caller,
    NamePath(name): NamePath,
    upload: Upload,
) -> Result<Json<UserJson>, Problem> {
    caller.must_administer()?;
    let UserChange { role, read, write, deny, password } = upload.json("what is to be changed")?;
    let change = PersonChange {
        role: role.as_deref().map(parse_role).transpose()?,
        read: parse_named(read)?,
        write: parse_named(write)?,
        deny: deny.map(parse_filters).transpose()?,
        password,
    };
    // Whoever changes his own password here stays signed in.
    let keep = caller.login.credential.filter(|_| caller.login.principal.name() == name);
    let by = caller.change();
    let changed = caller.accounts(move |accounts| accounts.change_person(&name, change, keep, &by)).await?;
    Ok(Json(changed.into()))
}

/// `DELETE /api/users/{name}`
pub(crate) async fn remove(caller: Caller, NamePath(name): NamePath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let by = caller.change();
    caller.accounts(move |accounts| accounts.delete_person(&name, &by)).await?;
    Ok(StatusCode::NO_CONTENT)
}
