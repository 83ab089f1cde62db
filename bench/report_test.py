#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/report.py on made-up results in a temporary folder. Plain Python; run by CTest."""
import json
import os
import subprocess
import sys
import tempfile

REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "report.py")
WHERE = dict(date="2026-01-02", commit="abc1234", chip="Chip X", driver="1.2", toolkit="13.0", cudnn="9.19.0", cublas="13.1.0")


def layer(name, which, variant, ms, **more):
    return dict(WHERE, kind="layer", network="df-ud-128-b8", layer=name, calls=2, problem="", dtype="bf16", variant=variant,
                detail="", ours=True, chosen=False, ms=ms, cold_ms=2 * ms, floor_ms=0.5, memory_bound=False, tflops=100,
                gb_per_s=1, **{"pass": which}) | more


def step(who, mode, ms, **more):
    return dict(WHERE, kind="step", network="df-ud-128-b8", dtype="bf16", who=who, mode=mode, median_ms=ms, min_ms=ms,
                peak_mib=100.0) | more


class Folder:
    """A root with a page and results."""

    def __init__(self, page, results):
        self.holder = tempfile.TemporaryDirectory()
        self.root = self.holder.name
        os.makedirs(os.path.join(self.root, "bench", "results"))
        os.makedirs(os.path.join(self.root, "kernels"))
        with open(os.path.join(self.root, "kernels", "page.md"), "w", encoding="utf-8") as f:
            f.write(page)
        for name, lines in results.items():
            with open(os.path.join(self.root, "bench", "results", name), "w", encoding="utf-8") as f:
                f.write("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in lines))

    def run(self, *arguments):
        return subprocess.run([sys.executable, REPORT, *arguments, self.root], capture_output=True, text=True, check=False)

    def page(self):
        with open(os.path.join(self.root, "kernels", "page.md"), encoding="utf-8") as f:
            return f.read()


def marked(name, inside="old\n"):
    return "before\n<!-- table: %s -->\n%s<!-- end -->\nafter\n" % (name, inside)


def rows_of(page):
    return [[c.strip() for c in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")]


def says_where_nothing_was_measured():
    for name in ("peer_cpu", "peer_gpu", "layers conv2d df-ud-128-b8", "rungs gemm df-ud-128-b8",
                 "cpu_terms", "cpu_sampler"):
        folder = Folder(marked(name), {})
        assert folder.run().returncode == 0
        assert folder.page() == marked(name, "*Not measured yet.*\n"), folder.page()


def tells_what_a_step_on_a_cpu_costs_and_takes():
    on = dict(date="2026-01-02", commit="abc1234", chip="Chip X", network="net", threads=1, batch=4)
    folder = Folder(marked("cpu_terms") + marked("cpu_sampler"), {"cpu_engine.jsonl": [
        dict(on, kind="cpu_term", term="plain", cpu_ms=1000.0, ratio=1.0),
        dict(on, kind="cpu_term", term="GAN", cpu_ms=1100.0, ratio=1.1),
        dict(on, kind="cpu_health", share=0.005),
        dict(on, kind="cpu_sampler", mode="idt", samples_per_s=100.0, step_ms=2000.0),
    ]})
    assert folder.run().returncode == 0
    rows = rows_of(folder.page())
    assert rows[1:3] == [["plain", "1000", "1.00"], ["GAN", "1100", "1.10"]], rows
    assert rows[4] == ["idt", "100", "2.0", "50"], rows  # 4 of a side in 2 seconds
    assert "0.50 %" in folder.page() and "Chip X, 2026-01-02, commit abc1234" in folder.page()


def compares_the_chosen_kernel_with_the_vendors_best():
    folder = Folder(marked("layers conv2d df-ud-128-b8"), {"layers.jsonl": [
        layer("encoder/a", "backward_data", "tiled", 4.0),
        layer("encoder/a", "backward_data", "wgmma_128", 1.0, chosen=True),
        layer("encoder/a", "backward_data", "mma_128", 0.8),
        layer("encoder/a", "backward_data", "cudnn", 1.5, ours=False),
        layer("encoder/a", "backward_data", "cudnn_fused", 1.2, ours=False),
        layer("encoder/a", "backward_data", "engine_cudnn", 0.1, ours=False),  # no plan: it includes our passes
        layer("encoder/a", "forward", "naive", 9.0, chosen=True),
        layer("inter/dense1", "forward", "stream", 1.0, chosen=True),
    ]})
    assert folder.run().returncode == 0
    rows = rows_of(folder.page())
    assert rows[1][:5] == ["encoder/a", "forward", "bf16", "naive", "9.000"], rows
    assert rows[2] == ["encoder/a", "backward_data", "bf16", "wgmma_128", "1.000", "2.000", "100", "50 %", "1.200", "1.20",
                       "mma_128"], rows
    assert len(rows) == 3  # dense layers are gemm's
    assert "Chip X, driver 1.2, CUDA 13.0, cuDNN 9.19.0, cuBLAS 13.1.0, 2026-01-02, commit abc1234" in folder.page()


def takes_the_newest_line_and_the_newest_chip():
    folder = Folder(marked("layers gemm df-ud-128-b8"), {"layers.jsonl": [
        layer("inter/dense1", "forward", "stream", 1.0, chosen=True, date="2026-03-01"),
        layer("inter/dense1", "forward", "stream", 7.0, chosen=True, date="2026-01-01"),
        layer("inter/dense1", "forward", "stream", 5.0, chosen=True, date="2025-01-01", chip="Old Chip"),
    ]})
    assert folder.run().returncode == 0
    rows = rows_of(folder.page())
    assert len(rows) == 2 and rows[1][4] == "1.000", rows
    assert "Old Chip" not in folder.page()


def adds_up_a_rungs_layers():
    folder = Folder(marked("rungs conv2d df-ud-128-b8"), {"layers.jsonl": [
        layer("encoder/a", "forward", "tiled", 1.0, chosen=True), layer("encoder/b", "forward", "tiled", 3.0),
        layer("encoder/b", "forward", "cudnn", 3.0, ours=False)]})
    assert folder.run().returncode == 0
    assert rows_of(folder.page())[1] == ["forward", "bf16", "tiled", "2", "1", "8.000", "25 %"], rows_of(folder.page())


def takes_the_peers_best_mode():
    folder = Folder(marked("peer_gpu"), {"steps.jsonl": [
        step("diptych", "cuda", 10.0), step("diptych", "cudnn", 12.0), step("diptych", "cuda eager", 11.0),
        step("peer", "bf16", 30.0, torch="2.11"), step("peer", "bf16 --compile --cuda-graph", 15.0, torch="2.11"),
        step("diptych", "cuda", 20.0, dtype="f32")]})
    assert folder.run().returncode == 0
    rows = rows_of(folder.page())
    assert rows[1] == ["df-ud-128-b8", "bf16", "10.0", "12.0", "15.0", "`bf16 --compile --cuda-graph`", "1.50", "100"], rows
    assert rows[2] == ["df-ud-128-b8", "f32", "20.0", "", "", "", "", "100"], rows  # a part measured is shown as a part
    assert "PyTorch 2.11" in folder.page()


def keeps_what_is_outside_the_markers():
    folder = Folder("a\n" + marked("peer_gpu") + "b\n" + marked("peer_cpu"), {})
    assert folder.run().returncode == 0
    page = folder.page()
    assert page.startswith("a\nbefore\n") and page.endswith("after\n") and page.count("after\nb\nbefore") == 1
    folder.run()
    assert folder.page() == page  # a second run changes nothing


def checks_without_writing():
    folder = Folder(marked("peer_gpu"), {})
    result = folder.run("--check")
    assert result.returncode == 1 and "out of date: kernels/page.md" in result.stdout, result
    assert folder.page() == marked("peer_gpu")
    folder.run()
    assert folder.run("--check").returncode == 0


def refuses_unknown_tables_and_broken_lines():
    result = Folder(marked("speed"), {}).run()
    assert result.returncode != 0 and "table 'speed'" in result.stderr, result
    result = Folder(marked("layers conv2d"), {}).run()
    assert result.returncode != 0 and "layers with 2 words" in result.stderr, result
    result = Folder(marked("peer_gpu"), {"steps.jsonl": ["{broken"]}).run()
    assert result.returncode != 0 and "steps.jsonl line 1" in result.stderr, result


def main():
    tests = [t for t in globals().values() if callable(t) and getattr(t, "__module__", "") == "__main__" and not isinstance(t, type)
             and t.__code__.co_argcount == 0 and t is not main]
    for test in tests:
        test()
    assert len(tests) == 9, "%d tests ran" % len(tests)


if __name__ == "__main__":
    main()
