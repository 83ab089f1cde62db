#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rewrites every generated table of the pages from bench/results/*.jsonl.

A page marks a table's place with `<!-- table: NAME WORDS -->` and `<!-- end -->`. Names:
  peer_cpu                 a training step beside PyTorch on a CPU (lines of bench/peer_cpu.sh --record)
  peer_gpu                 a training step on a GPU beside PyTorch and engine cudnn (kind "step", scripts/gpu_check.sh)
  layers OP NETWORK        conv2d's or gemm's chosen kernel on each layer beside the vendor's best and the floor (kind
                           "layer", bench/layers)
  rungs OP NETWORK         every rung of OP, as a share of the floor over all layers of NETWORK it ran
  cpu_terms                what each further loss adds to a training step on a CPU (bench/cpu_engine.py)
  cpu_sampler              samples a thread makes by mode of colour transfer, beside what a step on a CPU takes
The newest line of each measurement counts. Where nothing was measured the table says so: no number is typed by hand.

  bench/report.py [--check] [ROOT]    --check: changes nothing, fails when a page is out of date
"""
import json
import os
import re
import sys

NOT_MEASURED = "*Not measured yet.*"
MARKERS = re.compile(r"(<!-- table: ([a-z0-9_ .-]+) -->\n).*?(<!-- end -->)", re.S)
PASSES = ["forward", "backward_epilogue", "backward_data", "backward_data_below", "backward_weight",
          "backward_bias"]


def read_results(root):
    """All lines of all files in their order, each with its kind; a line that is no JSON object is an error."""
    lines = []
    folder = os.path.join(root, "bench", "results")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith(".jsonl"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            for number, text in enumerate(f, 1):
                if not text.strip():
                    continue
                try:
                    line = json.loads(text)
                    line.setdefault("kind", os.path.splitext(name)[0])
                except (ValueError, AttributeError) as e:
                    raise SystemExit("report: %s line %d is not a JSON object: %s" % (name, number, e))
                lines.append(line)
    return sorted(lines, key=lambda r: r.get("date", ""))  # stable: of one day, the later line is newer


def newest(lines, kind, keys, **wanted):
    """The newest line for each value of keys."""
    found = {}
    for r in lines:
        if r["kind"] == kind and all(r.get(k) == v for k, v in wanted.items()):
            found[tuple(r.get(k) for k in keys)] = r
    return list(found.values())


def newest_chip(rows):
    """Rows of the chip measured last: one table compares kernels, not chips."""
    return [r for r in rows if r["chip"] == rows[-1]["chip"]] if rows else []


def circumstances(rows):
    def every(key):
        return ", ".join(sorted({str(r[key]) for r in rows if r.get(key)}))

    words = [every("chip"), "driver " + every("driver")]
    for key, name in (("toolkit", "CUDA"), ("cudnn", "cuDNN"), ("cublas", "cuBLAS"), ("torch", "PyTorch")):
        if every(key):
            words.append(name + " " + every(key))
    return ", ".join(words + [every("date"), "commit " + every("commit")])


def grid(header, rows, note):
    def figures(column):
        return all(re.match(r"[0-9]", row[column]) for row in rows if row[column])

    rule = ["---:" if figures(i) else "---" for i in range(len(header))]
    lines = ["| " + " | ".join(header) + " |", "|" + "|".join(rule) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines + ["", note])


def number(value):
    return "" if value is None else "%.3f" % value if value < 10 else "%.1f" % value


def peer_cpu(lines):
    rows = newest(lines, "peer_cpu", ("archi", "resolution", "dims", "batch", "dtype", "threads"))
    if not rows:
        return NOT_MEASURED
    body = []
    for r in rows:
        name = "%s %d (%s), batch %d" % (r["archi"], r["resolution"], r["dims"].replace(" ", "/"), r["batch"])
        body.append([name, r["dtype"], "%.0f" % r["ours_ms"], "%.0f" % r["peer_ms"], "%.2f" % (r["peer_ms"] / r["ours_ms"]),
                     "%d" % r["peak_mib"]])
    first = rows[0]
    return grid(["network", "dtype", "ours, ms", "PyTorch, ms", "ratio", "our peak memory, MiB"], body,
                "One training iteration, %d thread, %s, PyTorch %s, %s, commit %s; `bench/peer_cpu.sh`." % (
                    first["threads"], first["cpu"], first["torch"], first["date"], first["commit"]))


def peer_gpu(lines):
    rows = newest_chip(newest(lines, "step", ("chip", "network", "dtype", "who", "mode")))
    if not rows:
        return NOT_MEASURED
    body = []
    for network, dtype in dict.fromkeys((r["network"], r["dtype"]) for r in rows if r["who"] == "diptych"):
        same = [r for r in rows if (r["network"], r["dtype"]) == (network, dtype)]
        ours = {r["mode"]: r for r in same if r["who"] == "diptych"}
        peers = [r for r in same if r["who"] == "peer"]
        best = min(peers, key=lambda r: r["median_ms"]) if peers else None
        mine = ours.get("cuda")
        cudnn = ours.get("cudnn")
        body.append([network, dtype, number(mine and mine["median_ms"]), number(cudnn and cudnn["median_ms"]),
                     number(best and best["median_ms"]), "`%s`" % best["mode"] if best else "",
                     "%.2f" % (best["median_ms"] / mine["median_ms"]) if best and mine else "",
                     "%.0f" % mine["peak_mib"] if mine and mine.get("peak_mib") is not None else ""])
    return grid(["network", "dtype", "ours, ms", "engine cudnn, ms", "PyTorch's best, ms", "its mode", "ratio", "our peak memory, MiB"],
                body, "One training iteration, median; the ratio is PyTorch's time over ours. %s; `scripts/gpu_check.sh steps`." %
                circumstances(rows))


def cpu_terms(lines):
    rows = newest_chip(newest(lines, "cpu_term", ("chip", "network", "threads", "term")))
    if not rows:
        return NOT_MEASURED
    body = [[r["term"], "%.0f" % r["cpu_ms"], "%.2f" % r["ratio"]] for r in rows]
    same = {key: rows[0][key] for key in ("chip", "network", "threads")}
    health = newest(lines, "cpu_health", tuple(same), **same)
    share = "The health of a step, %.2f %% of it, is in all. " % (100 * health[-1]["share"]) if health else ""
    return grid(["step with", "ms of CPU time", "ratio to the plain one"], body,
                "One training iteration, %s, %d thread. %sRatios are medians of neighbouring runs. %s; "
                "`bench/cpu_engine.py`." % (rows[0]["network"], rows[0]["threads"], share, on_cpu(rows)))


def cpu_sampler(lines):
    rows = newest_chip(newest(lines, "cpu_sampler", ("chip", "network", "threads", "mode")))
    if not rows:
        return NOT_MEASURED
    body = []
    for r in rows:
        taken = r["batch"] / r["step_ms"] * 1e3  # of the side whose colours are changed
        body.append([r["mode"], "%.0f" % r["samples_per_s"], "%.1f" % taken, "%.0f" % (r["samples_per_s"] / taken)])
    return grid(["ct_mode", "samples/s of a thread", "src samples/s a step takes", "times as many"], body,
                "At 128 pixels, CPU time; the step is %s, %d thread. %s; `bench/cpu_engine.py`." % (
                    rows[0]["network"], rows[0]["threads"], on_cpu(rows)))


def on_cpu(rows):
    return "%s, %s, commit %s" % (rows[-1]["chip"], rows[-1]["date"], rows[-1]["commit"])


def layer_rows(lines, op, network):
    dense = op == "gemm"
    rows = newest(lines, "layer", ("chip", "network", "layer", "pass", "dtype", "variant"), network=network)
    return newest_chip([r for r in rows if ("/dense" in r["layer"]) == dense])


def layers(lines, op, network):
    rows = layer_rows(lines, op, network)
    if not rows:
        return NOT_MEASURED
    body = []
    for layer, which, dtype in dict.fromkeys((r["layer"], r["pass"], r["dtype"]) for r in rows):
        same = [r for r in rows if (r["layer"], r["pass"], r["dtype"]) == (layer, which, dtype)]
        chosen = [r for r in same if r["chosen"]]
        vendor = [r for r in same if not r["ours"] and r["variant"] != "engine_cudnn"]
        ours = chosen[0] if chosen else None
        best = min(vendor, key=lambda r: r["ms"]) if vendor else None
        fastest = min((r for r in same if r["ours"]), key=lambda r: r["ms"], default=None)
        body.append((PASSES.index(which), [
            layer, which, dtype, ours["variant"] if ours else "", number(ours and ours["ms"]),
            number(ours and ours["cold_ms"]), "%.0f" % ours["tflops"] if ours else "",
            "%.0f %%" % (100 * ours["floor_ms"] / ours["ms"]) if ours else "",
            number(best and best["ms"]), "%.2f" % (best["ms"] / ours["ms"]) if best and ours else "",
            fastest["variant"] if fastest and ours and fastest["variant"] != ours["variant"] else ""]))
    header = ["layer", "pass", "dtype", "kernel", "ms", "cold, ms", "TFLOP/s", "of the floor", "vendor's best, ms", "ratio",
              "faster rung"]
    return grid(header, [row for _, row in sorted(body, key=lambda b: b[0])],
                "%s. Floor: measured peaks; ratio: the vendor's time over ours; a faster rung is one that should have been "
                "chosen. %s; `bench/layers`." % (network, circumstances(rows)))


def rungs(lines, op, network):
    rows = [r for r in layer_rows(lines, op, network) if r["ours"]]
    if not rows:
        return NOT_MEASURED
    body = []
    for which in PASSES:
        for dtype, variant in sorted({(r["dtype"], r["variant"]) for r in rows if r["pass"] == which}):
            same = [r for r in rows if (r["pass"], r["dtype"], r["variant"]) == (which, dtype, variant)]
            ms, floor = (sum(r[key] * r["calls"] for r in same) for key in ("ms", "floor_ms"))
            body.append([which, dtype, variant, "%d" % len(same), "%d" % sum(r["chosen"] for r in same), number(ms),
                         "%.0f %%" % (100 * floor / ms)])
    return grid(["pass", "dtype", "rung", "layers it takes", "chosen for", "ms in a step", "of the floor"], body,
                "%s, all layers a rung takes. %s; `bench/layers`." % (network, circumstances(rows)))


TABLES = {"peer_cpu": (peer_cpu, 0), "peer_gpu": (peer_gpu, 0), "layers": (layers, 2), "rungs": (rungs, 2),
          "cpu_terms": (cpu_terms, 0), "cpu_sampler": (cpu_sampler, 0)}


def table(lines, words, page):
    name, *arguments = words.split()
    if name not in TABLES or len(arguments) != TABLES[name][1]:
        raise SystemExit("report: %s asks for table '%s'; there are %s" % (
            page, words, ", ".join("%s with %d words" % (k, n) for k, (_, n) in TABLES.items())))
    return TABLES[name][0](lines, *arguments)


def pages(root):
    """Markdown pages, but those of build folders and hidden ones."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if not f.startswith((".", "build")))
        yield from (os.path.join(folder, f) for f in sorted(files) if f.endswith(".md"))


def main(arguments):
    check = "--check" in arguments
    rest = [a for a in arguments if a != "--check"]
    root = rest[0] if rest else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    lines = read_results(root)
    stale = 0
    for page in pages(root):
        with open(page, encoding="utf-8") as f:
            text = f.read()
        new = MARKERS.sub(lambda m: m[1] + table(lines, m[2], os.path.relpath(page, root)) + "\n" + m[3], text)
        if new == text:
            continue
        stale += 1
        print("%s: %s" % ("out of date" if check else "written", os.path.relpath(page, root)))
        if not check:
            with open(page + ".new", "w", encoding="utf-8") as f:
                f.write(new)
            os.replace(page + ".new", page)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
