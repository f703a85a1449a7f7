import requests

import met

session = requests.Session()
session.headers.update(met.headers)
session.cookies.update(met.cookies)


def put(body):
    answer = session.put(met.file("requests"), data=body, timeout=60)
    return {"status": answer.status_code, "same": session.get(met.file("requests"), timeout=60).content == met.content}


user = session.get(f"{met.origin}/api/v1/users/me", timeout=60)
written = put(met.content)
part = session.get(met.file("requests"), headers={"Range": f"bytes={met.first}-{met.last}"}, timeout=60)
met.tell({
    "get": {"status": user.status_code, "url": user.url, "user": user.json()},
    "put": written,
    "range": {"status": part.status_code, "range": part.headers["Content-Range"], "same": part.content == met.part},
    "chunked": put(met.pieces()),
})
