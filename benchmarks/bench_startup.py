"""How long a newcomer waits for `eyecraft --help` (goal: under 0.5 s): whole processes, median of nine."""

import statistics
import subprocess
import sys
import time

if __name__ == "__main__":
    for what in (["-m", "eyecraft", "--help"], ["-c", "import eyecraft"], ["-c", "pass"]):
        seconds = []
        for _ in range(9):
            start = time.perf_counter()
            subprocess.run([sys.executable, *what], stdout=subprocess.DEVNULL, check=True)
            seconds.append(time.perf_counter() - start)
        print(f"python {' '.join(what):<24} {statistics.median(seconds):.3f} s")
