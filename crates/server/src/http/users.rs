//! People with accounts, for administrators.

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::accounts::{Kind, NewPerson, PersonChange};
use crate::caller::Caller;
use crate::http::body::Upload;
use crate::http::describe::{BodyAnswers, Conflict, Forbidden, NoRoom, NotFound, Unusable};
use crate::http::path::NamePath;
use crate::http::problem::Problem;
use crate::http::rights::{Named, named, parse_change, parse_grant};
use crate::view::account::UserJson;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewUser)]
struct NewUser {
    name: String,
    password: String,
    role: String,
    read: Option<Vec<String>>,
    write: Option<Vec<String>>,
    deny: Option<Vec<String>>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UserChange)]
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
#[utoipa::path(
    get, path = "/api/users", operation_id = "listUsers", tag = "People",
    summary = "Lists the people with accounts, sorted by name",
    description = "For administrators.",
    responses((status = 200, description = "The people.", body = [UserJson]), Forbidden),
)]
pub(crate) async fn list(caller: Caller) -> Result<Json<Vec<UserJson>>, Problem> {
    caller.must_administer()?;
    Ok(Json(caller.accounts(|accounts| Ok(accounts.people())).await?.into_iter().map(UserJson::from).collect()))
}

/// `GET /api/users/{name}`
#[utoipa::path(
    get, path = "/api/users/{name}", operation_id = "getUser", tag = "People",
    summary = "Shows one person",
    description = "For administrators.",
    params(NamePath),
    responses((status = 200, description = "The person.", body = UserJson), Forbidden, NotFound),
)]
pub(crate) async fn get(caller: Caller, NamePath(name): NamePath) -> Result<Json<UserJson>, Problem> {
    caller.must_administer()?;
    Ok(Json(caller.shard.accounts.person(&name)?.into()))
}

/// `POST /api/users`
#[utoipa::path(
    post, path = "/api/users", operation_id = "createUser", tag = "People",
    summary = "Makes an account for somebody",
    description = "For administrators. Without lists of filters he may do what his role may.",
    request_body(content = NewUser, example = json!({"name": "bob", "password": "correct horse battery", "role": "member"})),
    responses((status = 201, description = "The person.", body = UserJson), BodyAnswers, Forbidden, Conflict, Unusable, NoRoom),
)]
pub(crate) async fn create(caller: Caller, upload: Upload) -> Result<(StatusCode, Json<UserJson>), Problem> {
    caller.must_administer()?;
    let NewUser { name, password, role, read, write, deny } = upload.json("a name, a password and a role")?;
    let new = NewPerson { name, password, grant: parse_grant(&role, read, write, deny)? };
    let by = caller.change();
    let created = caller.accounts(move |accounts| accounts.create_person(new, &by)).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// `PATCH /api/users/{name}`: only what is named changes, at once and on every connection.
#[utoipa::path(
    patch, path = "/api/users/{name}", operation_id = "changeUser", tag = "People",
    summary = "Changes a person's role, rights or password",
    description = "For administrators. Only what is named changes, at once and on every connection; `null` gives `read` or `write` back to the role.",
    params(NamePath),
    request_body(content = UserChange, example = json!({"role": "viewer"})),
    responses(
        (status = 200, description = "The person.", body = UserJson),
        BodyAnswers, Forbidden, NotFound, Conflict, Unusable, NoRoom,
    ),
)]
pub(crate) async fn change(
    caller: Caller,
    NamePath(name): NamePath,
    upload: Upload,
) -> Result<Json<UserJson>, Problem> {
    caller.must_administer()?;
    let UserChange { role, read, write, deny, password } = upload.json("what is to be changed")?;
    let change = PersonChange { rights: parse_change(role, read, write, deny)?, password };
    // Whoever changes his own password here stays signed in.
    let keep = caller.login.credential.filter(|_| caller.login.principal.name() == name);
    let by = caller.change();
    let changed = caller.accounts(move |accounts| accounts.change_person(&name, change, keep, &by));
    Ok(Json(changed.await?.into()))
}

/// `DELETE /api/users/{name}`
#[utoipa::path(
    delete, path = "/api/users/{name}", operation_id = "deleteUser", tag = "People",
    summary = "Deletes an account",
    description = "For administrators. Ends all connections of that person, and the share links that he made; his dashboards become yours.",
    params(NamePath),
    responses((status = 204, description = "It is gone."), Forbidden, NotFound, Conflict, NoRoom),
)]
pub(crate) async fn remove(caller: Caller, NamePath(name): NamePath) -> Result<StatusCode, Problem> {
    caller.must_administer()?;
    let by = caller.change();
    let house = caller.shard.house.clone();
    // What he made for the house stays, with whoever deletes his account.
    let heir = (caller.login.kind == Kind::Person).then(|| caller.login.principal.name().to_owned());
    let deleted = caller.accounts(move |accounts| {
        let name = accounts.person(&name)?.record.name;
        accounts.delete_person(&name, &by)?;
        house.dashboards.inherit(&name, heir.as_deref())
    });
    deleted.await?;
    Ok(StatusCode::NO_CONTENT)
}
