#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rewrites the table between the markers `<!-- table: peer_cpu -->` and `<!-- end -->` of README.md from
bench/results/peer_cpu.jsonl (lines of bench/peer_cpu.sh --record). The newest line of each configuration counts."""
import json
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def rows():
    newest = {}
    with open(os.path.join(ROOT, "bench/results/peer_cpu.jsonl"), encoding="utf-8") as f:
        for line in f:
            r = json.loads(line)
            newest[(r["archi"], r["resolution"], r["dims"], r["batch"], r["dtype"], r["threads"])] = r
    return list(newest.values())


def table():
    lines = ["| network | dtype | ours, ms | PyTorch, ms | ratio | our peak memory, MiB |", "|---|---|---:|---:|---:|---:|"]
    for r in rows():
        name = "%s %d (%s), batch %d" % (r["archi"], r["resolution"], r["dims"].replace(" ", "/"), r["batch"])
        lines.append("| %s | %s | %.0f | %.0f | %.2f | %d |" % (
            name, r["dtype"], r["ours_ms"], r["peer_ms"], r["peer_ms"] / r["ours_ms"], r["peak_mib"]))
    first = rows()[0]
    lines.append("")
    lines.append("One training iteration, %d thread, %s, PyTorch %s, %s, commit %s; `bench/peer_cpu.sh`." % (
        first["threads"], first["cpu"], first["torch"], first["date"], first["commit"]))
    return "\n".join(lines)


def main():
    path = os.path.join(ROOT, "README.md")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    new = re.sub(r"(<!-- table: peer_cpu -->\n).*?(\n<!-- end -->)", lambda m: m[1] + table() + m[2], text, flags=re.S)
    with open(path, "w", encoding="utf-8") as f:
        f.write(new)


if __name__ == "__main__":
    main()
