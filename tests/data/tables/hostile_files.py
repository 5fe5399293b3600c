"""Random files of delimited text that are hard to read: most of each is plain, and little of it is not."""

import random

_PLAIN = {
    "float": lambda draw: repr(draw.gauss(0, 1)),
    "whole": lambda draw: str(draw.randrange(1000)),
    "row": lambda draw: str(draw.randrange(10**9)),
    "price": lambda draw: f"{draw.randrange(40) / 10:.2f}",
    "rating": lambda draw: f"{draw.randrange(9) / 2}",
    "code": lambda draw: f"{draw.randrange(10**4):05}",
    "colour": lambda draw: draw.choice(["red", "green", "blue"]),
    "shop": lambda draw: f"shop {draw.randrange(50)}",
    "date": lambda draw: f"{draw.randrange(1, 29):02}/0{draw.randrange(1, 9)}/2024",
    "truth": lambda draw: draw.choice(["True", "False"]),
    "large": lambda draw: str(2**63 + draw.randrange(9)),
    "word": lambda draw: draw.choice(["é", "日本", "straße", "x"]),
    "exponent": lambda draw: f"{draw.gauss(0, 1) * 10.0 ** draw.randrange(-9, 25):e}",
}
_ODD = [
    *("", "NA", "?", "nan", "-nan", "None", "null", "#N/A", "<NA>", "n/a", "NAN", "NaN"),
    *("007", "-01", "+5", "1.10", "-0", "00", "1E5", ".5", "5.", "0x10", "inf", "1e400", "True", "true"),
    *("9007199254740993", "18446744073709551615", "-1", "99999999999999999999", "unknown", "-"),
    *(" 1", "1 ", "\t1", "a b", " a", "a\xa0", "\u3000x", "x\u2003", "\x1fa", "a\x0bb", "\ufeff"),
    *('"007"', '"1"', '" 1"', '"NA"', '""', '"a, b; c"', '"say ""x"""', '""""', '5" pipe', 'x"y"', '"x"y'),
    *('"two\nlines"', '"ends,\n"', '",01"', '",,"', '"\n,"'),
]
_ODD_LINES = ["", " ", ",", "1", '"', ",,,,,,,,,,,,", "\r", "a,b,c,d,e,f,g,h,i"]


def hostile_file(seed: int) -> bytes:
    """Make the file of a seed, the same one every time."""
    draw = random.Random(seed)
    delimiter = draw.choice(",,,;\t|")
    end = draw.choice(["\n", "\n", "\n", "\r\n", "\r\n", "\r"])
    kinds = draw.choices(list(_PLAIN), k=draw.randrange(2, 6))
    n_rows = draw.choice([3, 30, 300])
    rows = [[_PLAIN[kind](draw) for kind in kinds] for _ in range(n_rows)]
    _with_missing(rows, draw)
    for _ in range(draw.choice([0, 0, 1, 1, 2, 5])):
        rows[draw.randrange(n_rows)][draw.randrange(len(kinds))] = draw.choice(_ODD)
    if draw.random() < 0.3:  # as R writes text
        quoted = [index for index, kind in enumerate(kinds) if kind in ("colour", "shop", "word", "date")]
        rows = [
            [
                f'"{value}"' if index in quoted and '"' not in value else value
                for index, value in enumerate(row)
            ]
            for row in rows
        ]
    lines = [delimiter.join(row) for row in rows]
    for _ in range(draw.choice([0, 0, 0, 1, 2])):
        index = draw.randrange(n_rows)
        if draw.random() < 0.6:  # a row that is too long, or too short
            lines[index] = draw.choice(
                [lines[index] + delimiter, lines[index].rpartition(delimiter)[0], delimiter + lines[index]]
            )
        else:
            lines.insert(index, draw.choice(_ODD_LINES).replace(",", delimiter))
    header = delimiter.join(f"c{index}" for index in range(len(kinds)))
    if draw.random() < 0.05:
        header = draw.choice([f"sep={delimiter}{end}{header}", f"\ufeff{header}", f'"{header}', f" {header}"])
    text = end.join([header, *lines]) + draw.choice([end, end, "", end + end, " "])
    content = text.replace("\n", end).encode() if end == "\r" else text.encode()
    if draw.random() < 0.03:
        place = draw.randrange(len(content))
        content = content[:place] + draw.choice([b"\xff", b"\0", b"\xc3", b"\r"]) + content[place:]
    return content


def _with_missing(rows: list[list[str]], draw: random.Random) -> None:
    """Leave some values of some columns out."""
    words = draw.sample(_ODD[:11], draw.choice([1, 1, 2, 3]))
    for index in range(len(rows[0])):
        share = draw.choice([0, 0, 0, 0.1, 0.5, 1.0 if draw.random() < 0.2 else 0])
        for row in rows:
            if draw.random() < share:
                row[index] = draw.choice(words)
