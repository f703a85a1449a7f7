import json

from websockets.sync.client import connect

import met


def socket(compression):
    with connect(met.engine, origin=met.origin, additional_headers={"Cookie": met.cookie}, compression=compression, max_size=None, open_timeout=60) as engine:
        first = json.loads(engine.recv(timeout=60))
        engine.send(met.question)
        answer = json.loads(engine.recv(timeout=60))
        # A ping goes to the engine and comes back.
        pong = engine.ping().wait(60)
    return {"first": first, "answer": answer, "pong": pong, "code": engine.close_code}


met.tell({"socket": socket(None), "compressed": socket("deflate")})
