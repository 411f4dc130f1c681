#!/usr/bin/env python3
"""What a script holds: --plugin "balance.py SCRIPT", in hexadecimal digits as validateaddress tells them.
It keeps one file that is replaced as a whole, so it can be killed at any moment."""
import io, json, os, sys

SCRIPT = sys.argv[1].lower()
NEW = {"script": SCRIPT, "cursor": None, "changes": []}  # changes: [height, satoshis]

def outputs(block):
    read = io.BytesIO(block[80:]).read  # after the header
    def number():
        first = read(1)[0]
        return first if first < 253 else int.from_bytes(read(2 << first - 253), "little")
    for _ in range(number()):
        read(4)
        first = number()  # 0 stands before inputs that have witnesses
        inputs = first or read(1) and number()
        for _ in range(inputs):
            read(36), read(number()), read(4)
        for _ in range(number()):
            yield int.from_bytes(read(8), "little"), read(number()).hex()
        for _ in range(0 if first else inputs):
            for _ in range(number()):
                read(number())
        read(4)

def answer(method, params):
    global path, state
    if method == "manifest":
        about = {"name": "getwatchedbalance", "description": "What the watched script holds, in satoshis."}
        return {"result": {"protocol": 1, "id": "balance", "version": "1.0", "methods": [about]}}
    if method == "open":
        path = params["folder"] + "/state.json"
        state = json.load(open(path)) if os.path.exists(path) else NEW
        state = state if state["script"] == SCRIPT else NEW
        return {"result": {"cursor": state["cursor"]}}
    if method == "call":
        return {"result": {"satoshis": sum(change for _, change in state["changes"]), "at": state["cursor"]}}
    if method not in ("extend", "rollback", "reset"):
        return {"error": {"code": -32601, "message": "not needed here"}}
    cursor, changes = params.get("to"), state["changes"] if method != "reset" else []
    for block in params.get("blocks", []):
        gained = sum(value for value, script in outputs(bytes.fromhex(block["block"])) if script == SCRIPT)
        lost = sum(coin["value"] for coin in block["spent"] if coin["script"] == SCRIPT)
        cursor = {"height": block["height"], "hash": block["hash"]}
        changes = changes + [[block["height"], gained - lost]] * (gained != lost)
    if method == "rollback":
        changes = [change for change in changes if change[0] <= cursor["height"]]
    state = {"script": SCRIPT, "cursor": cursor, "changes": changes}
    with open(path + ".new", "w") as file:
        json.dump(state, file)
    os.replace(path + ".new", path)
    return {"result": None}

for line in sys.stdin:
    call = json.loads(line)
    print(json.dumps({"jsonrpc": "2.0", "id": call["id"], **answer(call["method"], call["params"])}), flush=True)
