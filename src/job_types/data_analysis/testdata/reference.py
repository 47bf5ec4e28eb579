"""What Python's csv and statistics make of a table: the reference that python_test.ts compares with.

    python3 reference.py FILE < {"delimiter": ",", "group": "region", "pair": ["x", "y"], ...}

Prints JSON. Numbers are Python's own floats and ints; sums are math.fsum, which is exact but for its last
rounding, and variances are statistics.variance, which computes with fractions.
"""
import csv
import json
import math
import re
import statistics
import sys
from collections import Counter, defaultdict

NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?")


def number(text):
    return int(text) if re.fullmatch(r"-?\d+", text) else float(text)


def about(values, numeric=None):
    present = [value for value in values if value != ""]
    found = {"count": len(present), "nulls": len(values) - len(present)}
    if numeric is None:
        numeric = bool(present) and all(NUMBER.fullmatch(value) for value in present)
    if numeric:
        present = [number(value) for value in present]
    counts = Counter(present)
    found["numeric"] = numeric
    found["distinct"] = len(counts)
    found["top"] = [
        {"value": value, "count": count}
        for value, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]
    ]
    if present:
        found["min"], found["max"] = min(present), max(present)
    if numeric:
        found["sum"] = math.fsum(present)
    if numeric and present:
        found["mean"] = math.fsum(present) / len(present)
        found["q1"] = found["median"] = found["q3"] = present[0]
        if len(present) > 1:
            found["variance"] = statistics.variance(present)
            found["stddev"] = statistics.stdev(present)
            found["q1"], found["median"], found["q3"] = statistics.quantiles(
                present, n=4, method="inclusive"
            )
            found["p05"] = statistics.quantiles(present, n=20, method="inclusive")[0]
    return found


def ranks(values):
    order = sorted(range(len(values)), key=lambda at: values[at])
    result = [0.0] * len(values)
    at = 0
    while at < len(order):
        end = at
        while end + 1 < len(order) and values[order[end + 1]] == values[order[at]]:
            end += 1
        for each in order[at : end + 1]:
            result[each] = (at + end) / 2 + 1
        at = end + 1
    return result


def main():
    terms = json.load(sys.stdin)
    with open(sys.argv[1], newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file, delimiter=terms["delimiter"]) if row]
    header, *body = rows
    width = len(header)
    body = [(row + [""] * width)[:width] for row in body]
    columns = {name: [row[at] for row in body] for at, name in enumerate(header)}
    result = {
        "rows": len(body),
        "columns": {name: about(values) for name, values in columns.items()},
    }
    if "group" in terms:
        key, value = terms["group"]
        groups = defaultdict(list)
        for each, text in zip(columns[key], columns[value]):
            groups[each].append(text)
        result["groups"] = {
            each: about(values, result["columns"][value]["numeric"])
            for each, values in groups.items()
        }
    if "pair" in terms:
        x, y = (columns[name] for name in terms["pair"])
        both = [(float(a), float(b)) for a, b in zip(x, y) if a != "" and b != ""]
        xs, ys = zip(*both)
        result["pearson"] = statistics.correlation(xs, ys)
        result["spearman"] = statistics.correlation(ranks(xs), ranks(ys))
    json.dump(result, sys.stdout)


main()
