#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What training costs on the CPU beside the plain step, in one run, as user CPU time, so that other work on the machine
counts little: each further loss (rounds alternate with plain steps), the health of a step, and the sampler by mode.

  bench/cpu_engine.py BUILD [--rounds N] [--steps N] [--record FILE.jsonl]

BUILD holds step_bench and sampler_bench; --record adds lines for bench/report.py. The network is df-ud 128
(256/64/64/22), batch 4, f32, one thread; GAN has its defaults (power 0.1, patch an eighth of the resolution, dims 16).
"""
import argparse
import datetime
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NETWORK = ("--archi df-ud --resolution 128 --ae 256 --e 64 --d 64 --mask 22 --batch 4 --dtype f32 --threads 1 "
           "--warmup 1").split()
TERMS = {"plain": [], "GAN": ["--gan", "0.1", "--patch", "16", "--gan-dims", "16"],
         "true face": ["--true-face", "0.01"], "face style": ["--face-style", "10"],
         "background style": ["--bg-style", "10"]}
MODES = {"none": "plain", "rct": "rct", "lct": "lct", "mkl": "mkl", "idt": "idt", "sot": "sot"}


def step_ms(program, steps, options):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run([program, *NETWORK, "--steps", str(steps), *options, "--json", out.name], check=True,
                       stdout=subprocess.DEVNULL)
        return json.load(open(out.name, encoding="utf-8"))["cpu_ms"]


def health_share(program, steps):
    text = subprocess.run([program, *NETWORK, "--steps", str(steps), "--layers"], check=True, capture_output=True,
                          text=True).stdout
    health = float(re.search(r"^health +([0-9.]+)", text, re.M)[1])
    return health / float(re.search(r"^all ops +([0-9.]+)", text, re.M)[1])


def samples_per_second(program):
    wanted = "batch_of_4/(%s)/128" % "|".join(MODES.values())
    options = ["--benchmark_filter=" + wanted, "--benchmark_min_time=0.5", "--benchmark_format=json"]
    text = subprocess.run([program, *options], check=True, capture_output=True, text=True).stdout
    made = {b["name"].split("/")[1]: b["samples/s"] for b in json.loads(text)["benchmarks"]}
    return {mode: made[name] for mode, name in MODES.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--record")
    a = parser.parse_args()
    step_bench = os.path.join(a.build, "bench", "step_bench")
    sampler_bench = os.path.join(a.build, "faces", "sample", "sampler_bench")
    for program in (step_bench, sampler_bench):
        if not os.path.exists(program):
            sys.exit("cpu_engine: %s is missing; build the targets step_bench and sampler_bench" % program)
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        chip = re.search(r"model name\s*: (.*)", f.read())[1]
    commit = subprocess.check_output(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], text=True).strip()
    where = {"date": datetime.date.today().isoformat(), "commit": commit, "chip": chip, "threads": 1,
             "network": "df-ud 128 (256/64/64/22), batch 4, f32", "batch": 4}
    times = {term: [] for term in TERMS}
    for round_ in range(a.rounds):
        for term, options in TERMS.items():
            times[term].append(step_ms(step_bench, a.steps, options))
            print("round %d, %s: %.0f ms of CPU time a step" % (round_ + 1, term, times[term][-1]), flush=True)
    lines = []
    for term, ms in times.items():
        # Of neighbours: the machine may be slower in one round than in another.
        ratio = statistics.median(t / p for t, p in zip(ms, times["plain"]))
        lines.append({"kind": "cpu_term", "term": term, "cpu_ms": round(statistics.median(ms), 1),
                      "ratio": round(ratio, 3)})
    lines.append({"kind": "cpu_health", "share": round(health_share(step_bench, a.steps), 5)})
    plain = statistics.median(times["plain"])
    for mode, rate in samples_per_second(sampler_bench).items():
        lines.append({"kind": "cpu_sampler", "mode": mode, "samples_per_s": round(rate, 1), "step_ms": round(plain, 1)})
    for line in lines:
        print(json.dumps(line))
    if a.record:
        with open(a.record, "a", encoding="utf-8") as f:
            f.writelines(json.dumps({**where, **line}) + "\n" for line in lines)


if __name__ == "__main__":
    main()
