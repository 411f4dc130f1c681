#!/usr/bin/env python3
"""Runs scenarios against real nodes; see README.md."""

import argparse
import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE))

import binaries as programs  # noqa: E402
import cache as cached_chain  # noqa: E402
from scenario import SCENARIOS, Skip, Stage  # noqa: E402

PASSED, FAILED, SKIPPED = 0, 1, 77
WORDS = {PASSED: "passed", SKIPPED: "skipped"}


def load():
    """Imports all that lies in `scenarios/`."""
    for path in sorted((HERE / "scenarios").glob("*.py")):
        importlib.import_module(f"scenarios.{path.stem}")


def chosen(names, leave_out):
    """The scenarios that words name: the name with its group or without, a group, or the begin of either with `*`."""

    def matches(each, word):
        names = (each.name, f"{each.group}/{each.name}")
        return word in (*names, each.group) or word.endswith("*") and any(name.startswith(word[:-1]) for name in names)

    for word in [*names, *leave_out]:
        if not any(matches(each, word) for each in SCENARIOS.values()):
            raise SystemExit(f"no scenario and no group is called {word}; --list shows all")
    return [
        each for each in SCENARIOS.values()
        if (not names or any(matches(each, word) for word in names))
        and not any(matches(each, word) for word in leave_out)
    ]


def run_one(name, directory, cache, claims, found):
    """Runs one scenario in this process; its exit code."""
    each = SCENARIOS[name]
    stage = Stage(each, directory, found, cache, claims)
    try:
        if each.only and each.only != found.kind:
            raise Skip(f"it is about {each.only} alone")
        stage.set_up()
        each.run(stage)
        stage.tear_down()
        return PASSED
    except Skip as skip:
        print(skip)
        return SKIPPED
    except Exception:
        traceback.print_exc(file=sys.stdout)
        for node in stage.nodes:
            print(f"--- {node.name} {' '.join(node.args)}; stderr: {node.stderr()!r}; the end of its log:")
            print(node.log_tail())
        return FAILED
    finally:
        stage.kill()


def supervise(each, directory, cache, claims, found):
    """Runs one scenario in a process of its own: (scenario, exit code, output, seconds)."""
    directory.mkdir()
    command = [
        sys.executable, str(HERE / "run.py"), "--one", each.name, "--dir", str(directory), "--cache", str(cache),
        "--claims", str(claims), "--daemon", str(found.daemon), "--kind", found.kind,
    ]
    if found.cli:
        command += ["--cli", str(found.cli)]
    begin = time.monotonic()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", start_new_session=True,
    ) as child:
        try:
            output, code = child.communicate(timeout=each.timeout)[0], child.returncode
        except subprocess.TimeoutExpired:
            # Its nodes are in its process group.
            os.killpg(child.pid, signal.SIGKILL)
            output, code = child.communicate()[0] + f"\nkilled after {each.timeout} seconds", FAILED
            for log in sorted(directory.glob("node*/regtest/debug.log")):
                output += f"\n--- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:])
    return each, code, output, time.monotonic() - begin


def run_all(wanted, options, found):
    """Runs scenarios side by side and prints the table; whether all went well."""
    root = Path(tempfile.mkdtemp(prefix="harness-", dir=options.dir))
    (root / "ports").mkdir()
    begin = time.monotonic()
    print(f"{len(wanted)} scenarios, {options.jobs} at a time, against {found.version} in {root}", flush=True)
    cache = cached_chain.build(root / "cache", found, root / "ports")
    print(f"the cached chain took {time.monotonic() - begin:.1f} s", flush=True)
    results = []
    with ThreadPoolExecutor(options.jobs) as pool:
        running = [
            pool.submit(supervise, each, root / each.name, cache, root / "ports", found) for each in wanted
        ]
        for done in as_completed(running):
            each, code, output, seconds = done.result()
            results.append((each, code, output, seconds))
            word = WORDS.get(code, "FAILED")
            print(f"{len(results):3}/{len(wanted)} {word:7} {seconds:6.1f} s  {each.group}/{each.name}", flush=True)
            if word == "FAILED":
                print(output.rstrip(), flush=True)
            if word != "FAILED" and not options.keep:
                shutil.rmtree(root / each.name, ignore_errors=True)
    results.sort(key=lambda result: list(SCENARIOS).index(result[0].name))
    print(f"\n{'scenario':44} {'result':8} seconds")
    for each, code, output, seconds in results:
        why = f"  {output.strip()}" if code == SKIPPED else ""
        print(f"{each.group + '/' + each.name:44} {WORDS.get(code, 'FAILED'):8} {seconds:7.1f}{why}")
    counts = [sum(result[1] == code for result in results) for code in (PASSED, SKIPPED)]
    failed = len(results) - sum(counts)
    seconds = time.monotonic() - begin
    print(f"\n{counts[0]} passed, {failed} failed, {counts[1]} skipped in {seconds:.0f} s")
    if failed or options.keep:
        print(f"the folders are in {root}")
    else:
        shutil.rmtree(root, ignore_errors=True)
    return not failed and counts[0] > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="scenarios or groups; the begin of a name with *")
    parser.add_argument("--daemon", help="the node program (else $HARNESS_DAEMON, else what cargo built)")
    parser.add_argument("--cli", help="the client program (else $HARNESS_CLI, else the one beside the daemon)")
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2), help="scenarios at a time")
    parser.add_argument("--list", action="store_true", help="only list the scenarios")
    parser.add_argument("--keep", action="store_true", help="keep the folders of what passed, too")
    parser.add_argument("--skip", action="append", default=[], help="leave out a scenario or a group")
    parser.add_argument("--dir", help="where to make the temporary folder")
    for hidden in ("--one", "--cache", "--claims", "--kind"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    load()
    if options.list:
        for each in chosen(options.names, options.skip):
            only = f" ({each.only} only)" if each.only else ""
            print(f"{each.group + '/' + each.name:44} {each.about}{only}")
        return
    found = programs.find(options.daemon, options.cli, options.kind)
    if options.one:
        sys.exit(run_one(options.one, options.dir, options.cache, options.claims, found))
    sys.exit(0 if run_all(chosen(options.names, options.skip), options, found) else FAILED)


if __name__ == "__main__":
    main()
