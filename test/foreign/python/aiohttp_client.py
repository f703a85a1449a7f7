import asyncio

import aiohttp

import met


class Counted:
    """A body of unknown length that counts how much of it was asked for."""

    def __init__(self):
        self.sent = 0

    async def read(self):
        for piece in met.pieces():
            self.sent += len(piece)
            yield piece


async def put(session, body, **options):
    async with session.put(met.file("aiohttp"), data=body, **options) as answer:
        await answer.read()
        return answer.status


async def expect(session, **options):
    body = Counted()
    return {"status": await put(session, body.read(), expect100=True, **options), "sent": body.sent}


async def socket(session, compress):
    async with session.ws_connect(met.engine, compress=compress, max_msg_size=0) as engine:
        first = await engine.receive_json()
        await engine.send_str(met.question)
        answer = await engine.receive_json()
        await engine.close()
        return {"first": first, "answer": answer, "code": engine.close_code}


async def main():
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(headers=met.headers, cookies=met.cookies, timeout=timeout) as session, aiohttp.ClientSession(timeout=timeout) as stranger:
        async with session.get(f"{met.origin}/api/v1/users/me") as answer:
            user = {"status": answer.status, "url": str(answer.url), "user": await answer.json()}
        status = await put(session, met.content)
        async with session.get(met.file("aiohttp")) as answer:
            written = {"status": status, "same": await answer.read() == met.content}
        async with session.get(met.file("aiohttp"), headers={"Range": f"bytes={met.first}-{met.last}"}) as answer:
            part = {"status": answer.status, "range": answer.headers["Content-Range"], "same": await answer.read() == met.part}
        met.tell({
            "get": user,
            "put": written,
            "range": part,
            "continued": await expect(session),
            "refused": await expect(stranger),
            "socket": await socket(session, 0),
            "compressed": await socket(session, 15),
        })


asyncio.run(main())
