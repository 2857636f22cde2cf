"""A server of values as a course on Flask teaches it: a dictionary, and a route to write and read it, with the paths of Housewire."""

from flask import Flask, abort, request

app = Flask(__name__)
values = {}


@app.get("/")
def hello():
    return "ready"


@app.put("/api/devices/<name>/value")
def put(name):
    values[name] = request.get_data()
    return "", 204


@app.get("/api/devices/<name>/value")
def get(name):
    if name not in values:
        abort(404)
    return values[name], {"Content-Type": "text/plain"}
