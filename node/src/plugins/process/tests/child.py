"""A plugin for tests: does what it is asked, but misbehaves when told to.

child.py FOLDER [METHOD:BEHAVIOUR] [once]

Writes its process ids to FOLDER/pids and every line that it gets to FOLDER/lines. With `once`, only the first process
misbehaves. FOLDER/manifest.json, if it is there, is added to the manifest.
"""
import json, os, signal, subprocess, sys, time

folder = sys.argv[1]
method_at, _, behaviour = (sys.argv[2] if len(sys.argv) > 2 else "").partition(":")
if "once" in sys.argv:
    try:
        os.mkdir(folder + "/misbehaved")
    except FileExistsError:
        method_at = None
out = sys.stdout.buffer


def note(name, text):
    with open(f"{folder}/{name}", "a") as file:
        file.write(f"{text}\n")


def say(data):
    out.write(data)
    out.flush()


def reply(call, result):
    say((json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": result}) + "\n").encode())


def refuse(call, code, message, data=None):
    error = {"code": code, "message": message, "data": data}
    say((json.dumps({"jsonrpc": "2.0", "id": call["id"], "error": error}) + "\n").encode())


def misbehave(call):
    if behaviour == "garbage":
        say(os.urandom(200).replace(b"\n", b"") + b"\n")
    elif behaviour == "utf8":
        say(b'{"jsonrpc":"2.0","id":%d,"result":"\xff\xfe"}\n' % call["id"])
    elif behaviour == "endless":
        while True:
            say(b"x" * 65536)
    elif behaviour == "flood":
        while True:
            say(b"\n" * 65536)
    elif behaviour == "answers":
        while True:
            reply(call, None)
    elif behaviour == "drip":
        while True:
            say(b" ")
            time.sleep(0.05)
    elif behaviour == "stderr":
        while True:
            os.write(2, b"help\n" * 10000)
    elif behaviour == "closes":
        os.close(1)
        time.sleep(1000)
    elif behaviour == "exit":
        os._exit(7)
    elif behaviour == "half":
        say(b'{"jsonrpc":"2.0","id":')
        os._exit(0)
    elif behaviour == "signal":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif behaviour == "id":
        call["id"] += 1
        reply(call, None)
    elif behaviour == "twice":
        reply(call, None)
        reply(call, None)
    elif behaviour == "fork":
        # The pipes live on in a child of the child.
        note("pids", subprocess.Popen(["sleep", "1000"]).pid)
        os._exit(3)
    elif behaviour == "setsid":
        note("escaped", subprocess.Popen(["sleep", "20"], start_new_session=True).pid)
        os._exit(3)
    elif behaviour == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        note("pids", subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 1000; sleep 1000"]).pid)
        reply(call, None)
        while True:
            time.sleep(1000)
    elif behaviour == "fatal":
        refuse(call, 1, "the disk\nis gone", {"fatal": True})
        return
    elif behaviour == "later":
        refuse(call, 1, "not now", {"retry_after": 7})
        return
    elif behaviour == "unknown":
        refuse(call, -32601, "what?")
        return
    time.sleep(1000)


def answer(call):
    method, params = call["method"], call["params"]
    if method == "manifest":
        manifest = {"protocol": 1, "id": "tester", "version": "1", "reorganizes": "reorganizes" in sys.argv}
        manifest["methods"] = [{"name": "echo", "parameters": [{"name": "x"}]}, {"name": "refuse"}, {"name": "hang"}]
        manifest["routes"] = [{"path": ""}, {"path": "deep"}]
        if os.path.exists(folder + "/manifest.json"):
            manifest.update(json.load(open(folder + "/manifest.json")))
        reply(call, manifest)
    elif method == "open":
        reply(call, {"cursor": None, "status": "open"})
    elif method == "locator":
        reply(call, {"blocks": [params.get("at") or {"height": 3, "hash": "33" * 32}]})
    elif method == "call" and params["method"] == "refuse":
        refuse(call, -8, "No such thing")
    elif method == "call" and params["method"] == "hang":
        time.sleep(1000)
    elif method == "call":
        reply(call, {"echo": params["params"]})
    elif method == "get":
        reply(call, {"json": params} if params["path"] == "" else {"text": params["rest"], "status": 404})
    else:
        reply(call, None)


note("pids", os.getpid())
note("env", " ".join(os.environ[f"CHAINCORE_{name}"] for name in ("CHAIN", "DATADIR", "PLUGIN_FOLDER")))
if method_at == "start":
    misbehave({"id": 1})
for line in sys.stdin:
    note("lines", line.rstrip("\n"))
    call = json.loads(line)
    if call["method"] == method_at:
        misbehave(call)
    else:
        answer(call)
    if method_at == "after-" + call["method"]:
        time.sleep(0.3)
        misbehave(call)
