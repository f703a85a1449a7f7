"""What the three Python programs share: ORIGIN, COOKIE and APP of the environment, and one JSON object at the end."""
import json
import os

origin = os.environ["ORIGIN"]
cookie = os.environ["COOKIE"]
app = os.environ["APP"]
cookies = dict(pair.split("=", 1) for pair in cookie.split("; "))
headers = {"Origin": origin}
engine = f"{origin.replace('http', 'ws', 1)}/app/{app}"
question = json.dumps({"jsonrpc": "2.0", "id": 1, "handle": -1, "method": "GetDocList", "params": [], "padding": "x" * 100_000})
content = os.urandom(24 << 20)
first, last = 1_000_000, 1_000_999
part = content[first:last + 1]


def file(name):
    return f"{origin}/api/v1/apps/{app}/media/files/{name}.bin"


def pieces():
    """The content, of a length that nobody is told."""
    for at in range(0, len(content), 1 << 20):
        yield content[at:at + (1 << 20)]


def tell(met):
    print(json.dumps(met))
