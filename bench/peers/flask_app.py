"""A server of values as a course on Flask teaches it: a dictionary, and a route to write and read it."""

from flask import Flask, abort, request

app = Flask(__name__)
values = {}


@app.get("/")
def hello():
    return "ready"


@app.put("/values/<path:name>")
def put(name):
    values[name] = request.get_data()
    return "", 204


@app.get("/values/<path:name>")
def get(name):
    if name not in values:
        abort(404)
    return values[name], {"Content-Type": "text/plain"}
