"""Prints the stages of the last ``bin/estate up``, each with its seconds and its share of the total.

.venv/bin/python bench/where_the_time_goes.py [NETWORK]
"""

import json
import sys
from pathlib import Path

network = sys.argv[1] if len(sys.argv) > 1 else "cosmoshub"
timings = json.loads((Path(__file__).resolve().parent.parent / ".lab" / network / "timings.json").read_text())
total = sum(timings.values())
for stage, seconds in timings.items():
    print(f"{seconds:8.1f} s  {seconds / total:5.0%}  {stage}")
print(f"{total:8.1f} s   100%  the whole up")
