"""JSON compared without losing anything: number texts, the order of keys and double keys count."""

import json
import re


class Number(str):
    """A number as it is written."""


def _constant(name):
    raise ValueError(f"{name} is not JSON")


def parse(text):
    """The value of a JSON text: objects as tuples of pairs, numbers as their texts. ValueError for what is no JSON."""
    return json.loads(text, object_pairs_hook=lambda pairs: ("object", tuple(pairs)), parse_float=Number,
                      parse_int=Number, parse_constant=_constant)


def longest_number(text):
    """How many characters the longest number outside the strings of a JSON text has."""
    outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', text, flags=re.DOTALL)
    return max((len(number) for number in re.findall(r"-?[0-9][0-9.eE+-]*", outside)), default=0)


def depth(text):
    """How deep brackets are nested in a JSON text."""
    deepest = level = 0
    in_string = escaped = False
    for c in text:
        if in_string:
            escaped, in_string = (c == "\\" and not escaped), not (c == '"' and not escaped)
        elif c == '"':
            in_string = True
        elif c in "[{":
            level += 1
            deepest = max(deepest, level)
        elif c in "]}":
            level -= 1
    return deepest


def value_of(cell, boolean=False):
    """How a cell of the database must appear, as `parse` shows it."""
    if cell is None:
        return None
    if isinstance(cell, int):
        return bool(cell) if boolean and cell in (0, 1) else Number(cell)
    if isinstance(cell, float):
        return Number({float("inf"): "1e999", float("-inf"): "-1e999"}.get(cell) or repr(cell))
    if isinstance(cell, bytes):
        return ("object", (("blob_hex", cell.hex()),))
    return cell


def rule_value(cell):
    """How `rule_data` must appear: its JSON, or as a string what is none."""
    if not isinstance(cell, str):
        return value_of(cell)
    try:
        parsed = parse(cell)
    except (ValueError, RecursionError):
        return cell
    return parsed if depth(cell) <= 100 and longest_number(cell) <= 512 else cell


def same(a, b):
    """Equality that tells 1, true, "1" and 1.0 apart."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a == b
