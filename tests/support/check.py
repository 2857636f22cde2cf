"""Shapes that many answers share: problem+json, RFC 3339 times."""

import datetime


def problem(answer, status, code=None, names=()):
    """An error over HTTP: the right status, problem+json, and a text that names what it is about."""
    body = getattr(answer, "text", None)
    got = getattr(answer, "status_code", None) or getattr(answer, "status", None)
    statuses = status if isinstance(status, tuple) else (status,)
    assert got in statuses, f"expected {status}, got {got}: {body}"
    kind = {key.lower(): value for key, value in answer.headers.items()}.get("content-type", "")
    assert kind.split(";")[0] == "application/problem+json", f"content type {kind!r}: {body}"
    content = answer.json()
    assert set(content) >= {"type", "title", "status", "detail", "code"}, content
    assert content["status"] == got, content
    assert content["detail"], content
    if code is not None:
        assert content["code"] == code, content
    for name in names:
        assert str(name) in content["detail"], f"{name!r} is not named in {content['detail']!r}"
    return content


def time_of(text):
    """An RFC 3339 time with its zone."""
    parsed = datetime.datetime.fromisoformat(_six_digits(text.replace("Z", "+00:00")))
    assert parsed.tzinfo is not None, text
    return parsed


def _six_digits(text):
    # Python 3.10 reads three or six digits of a second's fraction, nothing else.
    if "." not in text:
        return text
    head, tail = text.split(".", 1)
    digits = len(tail) - len(tail.lstrip("0123456789"))
    return f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"


def recent(text, seconds=60):
    """A time of just now."""
    age = (datetime.datetime.now(datetime.timezone.utc) - time_of(text)).total_seconds()
    assert -2 < age < seconds, f"{text} is {age:.1f} s old"
