"""JSON-RPC over HTTP, and the client program."""

import json
import socket
import time
from decimal import Decimal

from scenario import Skip, equal, has, refused, scenario, wait_until


@scenario(chain="empty")
def json_rpc_versions(stage):
    """Requests of all three versions, batches and notifications get the answers that are due."""
    client = stage.node.client

    def ask(value):
        status, headers, body = client.exchange(value if isinstance(value, str) else json.dumps(value))
        if status == 204:
            equal(body, b"")
            return status, None
        equal((headers["Content-Type"], body[-1:]), ("application/json", b"\n"))
        assert b": " not in body
        return status, json.loads(body)

    equal(ask({"jsonrpc": "2.0", "id": 1, "method": "getblockcount"}), (200, {"jsonrpc": "2.0", "result": 0, "id": 1}))
    error = {"code": -32601, "message": "Method not found"}
    equal(ask({"jsonrpc": "2.0", "id": "a", "method": "no"}), (200, {"jsonrpc": "2.0", "error": error, "id": "a"}))
    equal(ask({"id": 1, "method": "getblockcount"}), (200, {"result": 0, "error": None, "id": 1}))
    equal(list(ask({"jsonrpc": "1.0", "id": 1, "method": "getblockcount"})[1]), ["result", "error", "id"])
    equal(ask({"id": 1, "method": "no"}), (404, {"result": None, "error": error, "id": 1}))
    equal(ask({"id": 1, "method": "getblockhash", "params": [9]})[0], 500)
    equal(ask({"id": 1})[0], 400)
    equal(ask({"id": 1})[1]["error"], {"code": -32600, "message": "Missing method"})
    equal(ask({"jsonrpc": 2, "id": 1, "method": "x"})[1]["error"]["message"], "jsonrpc field must be a string")
    equal(ask({"jsonrpc": "3.0", "id": 1, "method": "x"})[1]["error"]["message"], "JSON-RPC version not supported")
    equal(ask("{"), (500, {"result": None, "error": {"code": -32700, "message": "Parse error"}, "id": None}))
    equal(ask({"jsonrpc": "2.0", "method": "generatetoaddress", "params": [1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"]}), (204, None))
    equal(stage.node.getblockcount(), 1)
    batch = [{"jsonrpc": "2.0", "id": 1, "method": "getblockcount"}, {"jsonrpc": "2.0", "id": 2, "method": "no"}, {"id": 3, "method": "uptime"}]
    status, replies = ask(batch)
    equal((status, [reply["id"] for reply in replies], [("error" in reply and reply["error"] is not None) for reply in replies]),
          (200, [1, 2, 3], [False, True, False]))
    equal(ask([]), (200, []))
    equal(ask([{"jsonrpc": "2.0", "method": "getblockcount"}]), (204, None))


@scenario(chain="empty")
def http_rules(stage):
    """Wrong methods, passwords and sizes get their status; the connection is kept."""
    node = stage.node
    client = node.client
    sock = client.connection.sock.getsockname()
    for _ in range(3):
        node.getblockcount()
    equal(client.connection.sock.getsockname(), sock)
    equal(client.exchange("", method="PUT")[0], 405)
    equal(client.exchange("{}", headers={"Authorization": "Basic Zm9vOmJhcg=="})[0], 401)
    equal(client.exchange("{}", path="/nothing")[0], 404)
    client.close()
    raw = socket.create_connection(("127.0.0.1", node.rpc_port), timeout=30)
    raw.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nX-Long: {'x' * 9000}\r\n\r\n".encode())
    has(raw.recv(4096).decode(), "HTTP/1.1 400")
    raw.close()
    long = "x" * 8_000_000
    equal(node.echo(long), [long])
    deep = client.exchange(json.dumps({"id": 1, "method": "echo", "params": ["y" * 20_000_000]}))
    equal((deep[0], len(deep[2]) > 20_000_000), (200, True))
    # A slow writer is waited for, and idle connections are not closed.
    raw = socket.create_connection(("127.0.0.1", node.rpc_port), timeout=30)
    body = b'{"id":1,"method":"getblockcount"}'
    head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: {client.authorization}\r\nContent-Length: {len(body)}\r\n\r\n"
    for part in (head.encode()[:20], head.encode()[20:], body[:5], body[5:]):
        time.sleep(0.1)
        raw.sendall(part)
    has(raw.recv(4096).decode(), "HTTP/1.1 200")
    raw.close()


@scenario(chain="empty")
def arguments(stage):
    """Named and positional arguments, and what is said of wrong ones."""
    node = stage.node
    tip = node.getbestblockhash()
    equal(node.getblock(blockhash=tip, verbosity=0), node.getblock(tip, 0))
    equal(node.getblock(tip, verbosity=0), node.getblock(tip, 0))
    equal(node.echo(arg0=1, arg9="z"), [1, None, None, None, None, None, None, None, None, "z"])
    refused(-8, "Unknown named parameter x", node.getblock, blockhash=tip, x=1)
    refused(-8, "Parameter blockhash specified twice both as positional and named argument", node.getblock, tip, blockhash=tip)
    refused(-1, "getblock", node.getblock)
    message = refused(-3, "Wrong type passed:", node.generatetoaddress, "x", "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")
    has(message, "Position 1 (nblocks)")
    refused(-8, "blockhash must be of length 64 (not 3, for 'foo')", node.getblock, "foo")
    # Amounts are taken as text and as numbers.
    for amount in ("0.1", Decimal("0.00000001"), 0.5):
        equal(node.testmempoolaccept(["01000000" + "01" + "11" * 32 + "00000000" + "00" + "ffffffff" + "01" + "01" + "0" * 14 + "0151" + "0" * 8],
              amount)[0]["reject-reason"], "scriptpubkey")
    refused(-3, "Amount out of range", node.testmempoolaccept, ["00"], -1)
    refused(-3, "Invalid amount", node.testmempoolaccept, ["00"], "x")


@scenario(args=["-rpcthreads=2"])
def concurrent_calls(stage):
    """One who waits keeps nobody waiting, be there but two threads."""
    node = stage.node

    def between():
        for _ in range(20):
            equal(node.getblockcount(), 200)
        node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")

    results = stage.aside(lambda client: client.waitfornewblock(60_000), between=between)
    equal(results[0]["height"], 201)


@scenario()
def client_program(stage):
    """The client's exit codes, texts and ways to take arguments."""
    node = stage.node
    if not node.binaries.cli:
        raise Skip("no client program was given")
    cli = node.cli
    tip = node.getbestblockhash()
    equal(cli("getblockcount"), (0, "200", ""))
    equal(cli("getbestblockhash"), (0, tip, ""))
    equal(cli("-named", "getblockhash", "height=0"), (0, node.getblockhash(0), ""))
    equal(cli("getblockhash", "1000"), (8, "", "error code: -8\nerror message:\nBlock height out of range"))
    code, out, err = cli("getblockhash", "x")
    equal((code, out), (1, ""))
    has(err, "error: Error parsing JSON: x")
    code, out, err = cli("nosuchmethod")
    equal((code, err), (89, "error code: -32601\nerror message:\nMethod not found"))
    equal(json.loads(cli("getblockheader", tip)[1]), json.loads(json.dumps(node.getblockheader(tip), default=float)))
    equal(cli("-stdin", "getblockhash", stdin="0\n"), (0, node.getblockhash(0), ""))
    equal(cli("-rpcwait", "getblockcount")[0], 0)
    equal(cli("echo", "a", "1", "")[0], 0)
    has(cli("-getinfo", "-color=never")[1], "Blocks: 200")
    has(cli("help")[1], "getblockcount")
    code, out, err = cli("-rpcport=1", "getblockcount")
    equal((code, out), (1, ""))
    has(err, "error: Error while attempting to communicate with server 127.0.0.1:1 (Could not connect to the server)")
    code, _, err = cli("-rpcuser=a", "-rpcpassword=b", "getblockcount")
    equal(code, 1)
    has(err, "Authorization failed: Incorrect rpcuser or rpcpassword")
    equal(cli()[0], 1)
    equal(cli("stop")[0], 0)
    node.wait_stopped()


@scenario()
def client_takes_named_arguments(stage):
    """Every way to name an argument reaches the node."""
    node = stage.node
    if not node.binaries.cli:
        raise Skip("no client program was given")
    tip = node.getbestblockhash()
    for args in (("getblock", tip, "0"), ("-named", "getblock", f"blockhash={tip}", "verbosity=0"), ("-named", "getblock", tip, "verbosity=0")):
        equal(node.cli(*args)[1], node.getblock(tip, 0))
    code, _, err = node.cli("-named", "getblock", "nothing=1")
    equal(code, 8)
    has(err, "Unknown named parameter nothing")
    payment = stage.wallet().create()
    got = json.loads(node.cli("testmempoolaccept", json.dumps([payment.hex]))[1])
    equal(got[0]["allowed"], True)
    equal(node.cli("-stdin", "sendrawtransaction", stdin=payment.hex + "\n")[1], payment.txid)


@scenario()
def transactions_by_rpc(stage):
    """Transactions are decoded and found."""
    node = stage.node
    wallet = stage.wallet()
    payment = wallet.send(outputs=2)
    shown = node.decoderawtransaction(payment.hex)
    equal((shown["txid"], shown["hash"], shown["vsize"], shown["weight"]),
          (payment.txid, payment.wtxid, payment.vsize, payment.tx.weight))
    equal([out["n"] for out in shown["vout"]], [0, 1])
    equal(shown["vout"][0]["scriptPubKey"]["type"], "witness_v1_taproot")
    equal(shown["vin"][0]["txinwitness"], [item.hex() for item in payment.tx.inputs[0].witness])
    equal(node.getrawtransaction(payment.txid), payment.hex)
    got = node.getrawtransaction(txid=payment.txid, verbose=True)
    equal({name: got[name] for name in shown}, shown)
    refused(-5, "No such mempool transaction. Use -txindex or provide a block hash", node.getrawtransaction, "11" * 32)
    refused(-5, "The genesis block coinbase is not considered an ordinary transaction", node.getrawtransaction,
            node.getblock(node.getblockhash(0))["tx"][0])
    node.restart(["-txindex"])
    block_hash = node.generatetoaddress(1, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z")[0]
    node.syncwithvalidationinterfacequeue()
    wait_until(lambda: node.getindexinfo()["txindex"]["synced"], "the index is built")
    got = node.getrawtransaction(payment.txid, True)
    equal((got["blockhash"], got["confirmations"]), (block_hash, 1))
