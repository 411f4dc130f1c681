"""A JSON-RPC client on one kept connection."""

import base64
import http.client
import json
import socket
from decimal import Decimal


class RpcError(Exception):
    """What the node answered instead of a result."""

    def __init__(self, code, message):
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message


class NotJson(Exception):
    """An HTTP answer that is no JSON-RPC reply."""

    def __init__(self, status, body):
        super().__init__(f"HTTP {status}: {body[:200]!r}")
        self.status = status


def as_text(value):
    """Amounts go over as text, which keeps every digit."""
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{value!r} is no JSON")


class Rpc:
    """Calls methods of one node; `rpc.method(1, name=2)` or `rpc.call("method", 1, name=2)`.

    Not for several threads at once: each takes a client of its own.
    """

    def __init__(self, port, user, password, timeout=120):
        self.port = port
        self.timeout = timeout
        self.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.connection = None
        self.last_id = 0

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def exchange(self, body, method="POST", path="/", headers=None):
        """One HTTP exchange as it is: the status, the headers and the body."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        sent = {"Authorization": self.authorization, "Content-Type": "application/json"}
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        try:
            self.connection.request(method, path, body, sent)
            if self.connection.sock:
                self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            response = self.connection.getresponse()
            return response.status, response.headers, response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def post(self, request):
        """Posts a value as JSON: the status and the reply."""
        status, headers, body = self.exchange(json.dumps(request, default=as_text, separators=(",", ":")))
        if headers.get("Content-Type") != "application/json":
            raise NotJson(status, body)
        return status, json.loads(body, parse_float=Decimal)

    def call(self, method, *args, **named):
        params = {"args": list(args), **named} if args and named else named or list(args)
        self.last_id += 1
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": self.last_id}
        status, reply = self.post(request)
        if reply.get("jsonrpc") != "2.0" or reply.get("id") != self.last_id or status != 200:
            raise NotJson(status, str(reply).encode())
        if "error" in reply:
            raise RpcError(reply["error"]["code"], reply["error"]["message"])
        return reply["result"]

    def batch(self, calls):
        """The results of `[(method, args), …]`, all of which must succeed."""
        requests = [
            {"jsonrpc": "2.0", "method": method, "params": list(args), "id": at}
            for at, (method, args) in enumerate(calls)
        ]
        replies = self.post(requests)[1]
        for reply in replies:
            if "error" in reply:
                raise RpcError(reply["error"]["code"], reply["error"]["message"])
        return [reply["result"] for reply in sorted(replies, key=lambda reply: reply["id"])]

    def __getattr__(self, method):
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda *args, **named: self.call(method, *args, **named)
