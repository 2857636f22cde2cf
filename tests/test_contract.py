"""The documents and the hub agree: OpenAPI for HTTP, AsyncAPI for WebSocket frames, events and topics. Nothing is mocked."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
from jsonschema import Draft7Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from support import web
from support.node import JS
from support.paho import Paho

HERE = pathlib.Path(__file__).parent
# For finding failures; making them small and showing them comes on top.
SECONDS, SECONDS_LONG = 60, 600


@pytest.fixture(scope="module")
def openapi(shared):
    return shared.get("/api/openapi.json").json()


@pytest.fixture(scope="module")
def asyncapi(shared):
    return shared.get("/api/asyncapi.json").json()


def test_the_document_is_valid_openapi(openapi):
    assert openapi["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(openapi).iter_errors()] == []


@pytest.mark.parametrize("path", ["/api/openapi.json", "/api/asyncapi.json"])
def test_a_document_that_is_known_is_not_sent_again(path, shared):
    first = shared.get(path)
    assert first.headers["Content-Type"] == "application/json"
    again = shared.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert shared.get(path, headers={"If-None-Match": '"other"'}).content == first.content


def test_who_is_nobody_gets_what_the_document_says(make_hub, openapi):
    """Without a credential every operation is 401, but for those that the document opens to anybody."""
    hub = make_hub().start()
    person = {"name": "alice", "password": "correct horse battery staple"}
    assert hub.request("POST", "/api/setup", json=person).status_code == 201
    hub.api.cookies.clear()
    opened = set()
    for path, item in openapi["paths"].items():
        for method, operation in item.items():
            filled = path
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    filled = filled.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
            answer = hub.request(method.upper(), filled)
            if operation.get("security") == [{}]:
                opened.add(operation["operationId"])
                assert answer.status_code != 401, operation["operationId"]
            else:
                assert answer.status_code == 401, (operation["operationId"], answer.status_code)
                assert answer.headers["WWW-Authenticate"].startswith("Bearer"), operation["operationId"]
    assert opened == {"getHealth", "getSession", "signIn", "signOut", "setUp", "getTls", "openMqtt", "openBlynk", "openShare", "claim"}


def bearer(request, header):
    request.headers["Authorization"] = header.split(": ", 1)[1]
    return request


@pytest.mark.timeout(2 * SECONDS_LONG)
def test_every_answer_is_as_described(make_hub, long, record_property):
    """schemathesis makes requests from the document, right ones and wrong ones, and looks at all that is answered."""
    hub = make_hub().start()
    person = {"name": "contract", "password": "correct horse battery staple"}
    assert hub.request("POST", "/api/setup", json=person).status_code == 201
    hub.api.cookies.clear()
    hub.api.auth = (person["name"], person["password"])
    assert hub.request("POST", "/api/users", json=person | {"name": "bob", "role": "member"}).status_code == 201
    made = [hub.request("POST", "/api/tokens", json={"name": name, "role": "admin"}).json() for name in ("one", "spare")]
    config = hub.folder / "contract.toml"
    config.write_text((HERE / "contract.toml").read_text().replace("SPARE", str(made[1]["id"])))
    credential = f"Authorization: Bearer {made[0]['token']}"
    seed, seconds = os.environ["E2E_SEED"], SECONDS_LONG if long else SECONDS
    print(f"seed: {seed}", file=sys.stderr)
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", config, "run", "--header", credential]
    command += [hub.url("/api/openapi.json"), "--seed", seed, "--max-time", str(seconds), "--request-timeout", "10"]
    command += ["--max-examples", "1000" if long else "30"]
    environment = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    # Somebody whom the operations on clients find: the document's example.
    with Paho(hub, name="kitchen", clean=False, expiry=3600, token=made[0]["token"]):
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=hub.folder, env=environment, timeout=2 * SECONDS_LONG
        )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    cases = " ".join(done.stdout.split("Test cases:")[1].split("Seed:")[0].split())
    record_property("figures", f"schemathesis: {cases}")
    # It was let in to the end.
    who = hub.get("/api/session", auth=lambda request: bearer(request, credential)).json()
    assert (who["kind"], who["administers"]) == ("app", True)


def test_the_document_is_valid_asyncapi(asyncapi):
    """The official parser has neither errors (0) nor warnings (1)."""
    done = subprocess.run(
        ["node", JS / "asyncapi.mjs"], input=json.dumps(asyncapi), capture_output=True, text=True, cwd=HERE, check=True
    )
    found = json.loads(done.stdout)
    assert [problem for problem in found if problem["severity"] < 2] == []


def payload(asyncapi, message):
    """What validates payloads of this message; payloads of AsyncAPI are JSON Schema, draft 7."""
    schema = asyncapi["components"]["messages"][message]["payload"]
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def received(asyncapi):
    """The kinds of frames that clients send, with an example and the kinds that may answer."""
    for operation in asyncapi["operations"].values():
        if operation["action"] == "receive" and "reply" in operation:
            name = operation["messages"][0]["$ref"].rsplit("/", 1)[1]
            answers = [answer["$ref"].rsplit("/", 1)[1] for answer in operation["reply"]["messages"]]
            example = asyncapi["components"]["messages"][name]["examples"][0]["payload"]
            yield name, example, answers


def test_frames_are_as_described(asyncapi, shared):
    """Whatever is described is answered as described; what is not is refused, and that is as described, too."""
    shared.put("/api/devices/lamp/power", data="true")
    kinds = list(received(asyncapi))
    # A session comes first.
    kinds.sort(key=lambda kind: kind[0] != "hello")
    assert {name for name, *_ in kinds} >= {"subscribe", "unsubscribe", "publish", "get", "ping", "hello", "ack"}
    with web.Socket(shared) as socket:

        def answer(frame):
            return socket.ask(frame["op"], **{key: value for key, value in frame.items() if key not in ("op", "id")})

        for name, example, answers in kinds:
            schema = payload(asyncapi, name)
            schema.validate(example)
            done = answer(example)
            assert done["op"] != "error", done
            fitting = [kind for kind in answers if payload(asyncapi, kind).is_valid(done)]
            assert fitting, f"{name}: {done} is none of {answers}"
            for wrong in wrong_frames(example):
                assert not schema.is_valid(wrong), f"{wrong} is described"
                refused = answer(wrong)
                assert refused["op"] == "error", f"{wrong}: {refused}"
                payload(asyncapi, "error").validate(refused)
        missing = answer({"op": "get", "topic": "nothing/here"})
        payload(asyncapi, "error").validate(missing)


def wrong_frames(example):
    """Frames that nearly are this one. Whatever may be left out is not in the way."""
    yield {**example, "colour": "red"}
    for field in set(example) & {"filter", "topic", "payload", "last"}:
        yield {key: value for key, value in example.items() if key != field}
    for field, value in (("filter", 7), ("topic", None), ("qos", 3), ("qos", "1"), ("retain", "yes"), ("ttl", -1), ("keep", "1"), ("last", -1)):
        if field in example:
            yield {**example, field: value}


def test_messages_are_as_described(asyncapi, shared, unique):
    """A message on a WebSocket and in an event stream, of every kind of payload."""
    topic = unique("contract")
    frame, event = payload(asyncapi, "message"), payload(asyncapi, "event")
    with web.Socket(shared) as socket, web.Events(shared, topic) as events:
        socket.subscribe(topic)
        for body in (b"21.5", b"true", b"text", b'{"a":[1]}', b"\xff\x00", b"", b"null"):
            for retain in ("PUT", "POST"):
                shared.request(retain, f"/api/topics/{topic}", data=body)
                frame.validate(socket.wait(topic))
                event.validate(events.messages.wait(lambda message: message["topic"] == topic))
    for wrong in ("", "?filter=", "?filter=a/%23/b"):
        assert shared.get(f"/api/events{wrong}").status_code == 400


def test_topics_of_devices_are_as_described(asyncapi, shared, unique):
    """What the hub itself publishes about a device is what the channels say."""
    device = unique("described")
    channels = asyncapi["channels"]
    with Paho(shared) as client:
        client.subscribe(f"devices/{device}/#", 1)
        declared = {"properties": {"level": {"type": "int", "max": 9}}}
        assert shared.put(f"/api/devices/{device}", json=declared).status_code == 201
        assert shared.put(f"/api/devices/{device}/level", data="1").status_code == 204
        assert shared.request("POST", f"/api/devices/{device}/level/set", data="2").status_code == 202
        assert shared.put(f"/api/devices/{device}/level", data="77").status_code == 422

        for name in ("changed", "report", "online", "request", "target", "rejected"):
            (message,) = channels[name]["messages"]
            topic = channels[name]["address"].replace("{device}", device).replace("{property}", "level")
            text = client.messages.wait(lambda found, topic=topic: found.topic == topic, what=topic).text
            is_json = asyncapi["components"]["messages"][message]["contentType"] == "application/json"
            payload(asyncapi, message).validate(json.loads(text) if is_json else text)
