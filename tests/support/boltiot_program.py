"""A program as people wrote it with PyPI's boltiot, unmodified: it asks one thing after the other and prints the answers as JSON.

Arguments: the key and the device's name. Which server `cloud.boltiot.com` is, is not its business.
"""

import json
import sys

from boltiot import Bolt

key, device = sys.argv[1:]
bolt = Bolt(key, device)
calls = [
    ("digitalWrite", "0", "HIGH"),
    ("digitalRead", "0"),
    ("analogWrite", "0", "100"),
    ("analogRead", "A0"),
    ("serialBegin", "9600"),
    ("serialWrite", "hello world"),
    ("serialWrite", "hello world & x=1#z"),
    ("serialRead", "10"),
    ("version",),
    ("restart",),
    ("isAlive",),
    ("isOnline",),
    ("digitalWrite", "16", "HIGH"),
]
answers = [[name, getattr(bolt, name)(*arguments)] for name, *arguments in calls]
answers.append(["wrong key", Bolt("x", device).isOnline()])
print(json.dumps(answers))
